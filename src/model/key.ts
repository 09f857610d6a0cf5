import { LockstepError } from "./lockstep-error.ts";

/** Keys under this prefix belong to the server itself. */
export const RESERVED_PREFIX = "lockstep:";

/** At most this many keys are named in each list of a report. */
export const NAMED_KEYS_MAX = 100;

/**
 * Refuses a key that cannot be kept alike on both sides: empty, longer than `maxBytes` of UTF-8,
 * not well-formed Unicode (a lone surrogate has no UTF-8 form), or under the reserved prefix.
 * Errors: INPUT_INVALID, KEY_RESERVED.
 */
export function checkKey(key: string, maxBytes: number): void {
  if (key.length === 0) throw new LockstepError("INPUT_INVALID", "The key is empty.");
  checkWellFormed("key", key);
  const bytes = Buffer.byteLength(key);
  if (bytes > maxBytes) {
    throw new LockstepError(
      "INPUT_INVALID",
      `The key has ${bytes} bytes; at most ${maxBytes} are allowed.`,
    );
  }
  if (key.startsWith(RESERVED_PREFIX)) {
    throw new LockstepError(
      "KEY_RESERVED",
      `Keys that begin with "${RESERVED_PREFIX}" belong to the server.`,
    );
  }
}

/** Refuses a value over `maxBytes` of UTF-8 or with a lone surrogate. Errors: VALUE_TOO_LARGE, INPUT_INVALID. */
export function checkValue(value: string, maxBytes: number): void {
  checkWellFormed("value", value);
  const bytes = Buffer.byteLength(value);
  if (bytes > maxBytes) {
    throw new LockstepError(
      "VALUE_TOO_LARGE",
      `The value has ${bytes} bytes; at most ${maxBytes} are allowed.`,
    );
  }
}

/** Refuses text that has no UTF-8 form. Error: INPUT_INVALID. */
export function checkWellFormed(field: string, text: string): void {
  if (!text.isWellFormed()) {
    throw new LockstepError(
      "INPUT_INVALID",
      `The ${field} holds a lone surrogate, which has no UTF-8 form; send well-formed Unicode.`,
    );
  }
}
