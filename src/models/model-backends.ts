import type { ModelKeysPort } from "../cache/model-keys-port.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { ModelDocumentsPort } from "../store/model-documents-port.ts";

/** Where the applications' documents and entries are; undefined where no such server is configured. */
export interface ModelBackends {
  readonly documents: ModelDocumentsPort | undefined;
  readonly keys: ModelKeysPort | undefined;
}

/** Both of them. Error: MODELS_NOT_CONFIGURED, which names the variable that is missing. */
export function requireBackends({ documents, keys }: ModelBackends): {
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
