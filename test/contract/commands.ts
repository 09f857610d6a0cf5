import { contentHash } from "../../src/model/content-hash.ts";
import type { DeleteCommand, SetCommand } from "../../src/model/write-command.ts";

/** A write without TTL and writer; the hash follows the value. */
export function setOf(wanted: Partial<Omit<SetCommand, "op" | "hash">> = {}): SetCommand {
  const value = wanted.value ?? "new";
  return {
    op: "set",
    key: "user:1",
    ttlMs: null,
    sessionId: null,
    interactionId: null,
    ...wanted,
    value,
    hash: contentHash(value),
  };
}

export function deleteOf(wanted: Partial<Omit<DeleteCommand, "op">> = {}): DeleteCommand {
  return { op: "delete", key: "user:1", sessionId: null, interactionId: null, ...wanted };
}
