import { z } from "zod";
import { PRESSURE_LEVELS } from "../src/load/judge-pressure.ts";

/** Ten years: beyond it a mistyped unit is likelier than a wish. */
export const TTL_MAX_SEC = 315_360_000;

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

export const ack = z
  .enum(["cache", "durable", "shadow"])
  .default("durable")
  .describe(
    "What to wait for. durable: the write is safe in the store's copy, its outbox or Redis' journal. cache: Redis has it (durable: journal), the store follows; where Redis may evict it, and where there is no Redis, it waits as durable does. shadow: the store's own copy has it; not in time is TIMED_OUT, and the write stands.",
  );

export const ifVersion = z
  .string()
  .length(24)
  .optional()
  .describe(
    "Write only if the key now has this version (as kv_get or an earlier write told it); otherwise VERSION_CONFLICT. A deleted or expired key has none.",
  );

export const ifAbsent = z
  .boolean()
  .optional()
  .describe(
    "true: write only if the key does not exist (never written, deleted or expired); otherwise VERSION_CONFLICT. Not together with ifVersion.",
  );

export const idempotencyKey = z
  .string()
  .min(1)
  .max(256)
  .optional()
  .describe(
    "Makes a retry safe: a repeated call with the same idempotencyKey and the same value, TTL and condition writes nothing and gets the first call's version. Other arguments are an error. The last four of each key are remembered.",
  );

export const prefix = z
  .string()
  .optional()
  .describe(
    "Only keys that begin with this text (taken literally, no wildcards). Leave out for all keys.",
  );

/** How much one answer lists. */
export const pageLimit = (what: string) =>
  z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(100)
    .describe(`At most this many ${what} in one answer.`);

export const cursor = z
  .string()
  .optional()
  .describe("The cursor of the previous answer, to go on from there.");

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

export const pressureLevel = z
  .enum(PRESSURE_LEVELS)
  .describe(
    "What new writes meet: calm; widen, they go in larger batches; slow, they are kept waiting up to 250 ms too; refuse, OVERLOADED.",
  );

export const model = z
  .string()
  .min(1)
  .optional()
  .describe("The name of one model, as list_models tells it. Leave out for all of them.");
