import type { ModelKeysPort } from "../cache/model-keys-port.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { ModelDocumentsPort } from "../store/model-documents-port.ts";
import type { StorePort } from "../store/store-port.ts";

/** Where the applications' documents and entries are; undefined where no such server is configured. */
export interface ModelBackends {
  readonly documents: ModelDocumentsPort | undefined;
  readonly keys: ModelKeysPort | undefined;
  /** Lockstep's own rows, by which a key is known as its own whose meta Redis has evicted. */
  readonly rows: Pick<StorePort, "existing">;
}

/** Both of them. Error: MODELS_NOT_CONFIGURED, which names the variable that is missing. */
export function requireBackends({ documents, keys }: Pick<ModelBackends, "documents" | "keys">): {
  readonly documents: ModelDocumentsPort;
  readonly keys: ModelKeysPort;
} {
  if (documents !== undefined && keys !== undefined) return { documents, keys };
  const missing = [
    ...(documents === undefined ? ["MONGODB_URI"] : []),
    ...(keys === undefined ? ["REDIS_URL"] : []),
  ].join(" and ");
  throw new LockstepError(
    "MODELS_NOT_CONFIGURED",
    `Models are documents in MongoDB with entries in Redis, and ${missing} is not set.`,
  );
}
