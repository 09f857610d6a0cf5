import { ERRORS } from "../model/error-table.ts";
import { LockstepError } from "../model/lockstep-error.ts";
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

/** Whether only a person can help, so that the server had better not start. */
export function isFinal(error: unknown): boolean {
  const code = LockstepError.codeOf(error);
  return code !== undefined && ERRORS[code].kind === "start-up";
}
