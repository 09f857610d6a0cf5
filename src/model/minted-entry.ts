import { contentHash } from "./content-hash.ts";
import type { Entry } from "./entry.ts";
import { type IdempotencyRecords, remember } from "./idempotency.ts";
import type { Version } from "./version.ts";
import type { WriteCommand } from "./write-command.ts";

/**
 * The entry that a store makes of a command whose version it has just minted. `records` are the key's idempotency
 * records so far; `nowMs` is the clock by which its TTL runs.
 */
export function mintedEntry(
  command: WriteCommand,
  version: Version,
  nowMs: number,
  records: IdempotencyRecords,
): Entry {
  const { key, sessionId, interactionId, idempotencyMark: mark } = command;
  const known = mark === undefined ? records : remember(records, mark, version);
  const idempotency = known.length === 0 ? {} : { idempotency: known };
  const written = { key, version, sessionId, interactionId, ...idempotency };
  if (command.op === "delete") {
    return { ...written, value: null, hash: contentHash(null), expiresAtMs: null };
  }
  const { value, hash, ttlMs } = command;
  return { ...written, value, hash, expiresAtMs: ttlMs === null ? null : nowMs + ttlMs };
}
