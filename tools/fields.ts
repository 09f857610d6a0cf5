import { z } from "zod";

/** Ten years: beyond it a mistyped unit is likelier than a wish. */
const TTL_MAX_SEC = 315_360_000;

export const key = z
  .string()
  .min(1)
  .describe("The key: 1 to 1024 bytes of UTF-8, not beginning with lockstep:.");

export const value = z
  .string()
  .describe("The value, kept as it is: text, at most 1 MiB of UTF-8 by default.");

export const ttlSec = z
  .number()
  .int()
  .min(1)
  .max(TTL_MAX_SEC)
  .optional()
  .describe(
    "Seconds until the key expires, in cache and store alike. Leave out for a key that stays.",
  );

export const sessionId = z
  .string()
  .min(1)
  .max(256)
  .optional()
  .describe("Who writes: kept with the write, shown by verify_key_sync.");

export const interactionId = z
  .string()
  .min(1)
  .max(256)
  .optional()
  .describe("In which interaction: kept with the write, shown by verify_key_sync.");

export const prefix = z
  .string()
  .optional()
  .describe(
    "Only keys that begin with this text (taken literally, no wildcards). Leave out for all keys.",
  );

export const method = z
  .enum(["ASYNC_THREAD", "EVENT_BASED"])
  .describe(
    "How the write went: straight to the store, or as an event that follows within seconds.",
  );

export const durable = z
  .enum(["shadow", "outbox", "journal"])
  .describe(
    "Where the write is safe now: the store's copy, the store's outbox, or Redis until the store has it.",
  );

export const version = z
  .string()
  .describe("24 digits; a later write of the key has a greater one, compared as text.");

/** The fields that every acknowledged write answers. */
export const receipt = {
  key: z.string(),
  method,
  version,
  durable,
  latencyMs: z.number().describe("From the call to the acknowledgement, milliseconds."),
};
