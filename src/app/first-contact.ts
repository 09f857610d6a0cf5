import { isFinal } from "../model/lockstep-error.ts";
import type { StorePort } from "../store/store-port.ts";

/** The store's id, or undefined while the store is down. Errors: those that no retry can mend, as SCHEMA_TOO_NEW. */
export async function storeIdUnlessDown(store: StorePort): Promise<string | undefined> {
  try {
    return await store.storeId();
  } catch (error) {
    if (isFinal(error)) throw error;
    return undefined;
  }
}
