import { type Entry, matchesOwnHash } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";

/** Error: VALUE_CORRUPT, where what the store has is not what was written. Such a value is neither answered nor cached. */
export function checkSound(entry: Entry): void {
  if (matchesOwnHash(entry)) return;
  throw new LockstepError(
    "VALUE_CORRUPT",
    `The stored value of ${JSON.stringify(entry.key)} does not match the hash that was written with it.`,
  );
}
