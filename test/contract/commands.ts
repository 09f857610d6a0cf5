import { contentHash } from "../../src/model/content-hash.ts";
import { markOf } from "../../src/model/idempotency.ts";
import type { Version } from "../../src/model/version.ts";
import type { DeleteCommand, SetCommand, WriteCommand } from "../../src/model/write-command.ts";

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

export function ifVersion<C extends WriteCommand>(version: Version, command: C): C {
  return { ...command, condition: { kind: "version", version } };
}

export function ifAbsent<C extends WriteCommand>(command: C): C {
  return { ...command, condition: { kind: "absent" } };
}

/** Under an idempotency key; the mark covers a condition that the command already has. */
export function withId<C extends WriteCommand>(idempotencyKey: string, command: C): C {
  return { ...command, idempotencyMark: markOf(idempotencyKey, command) };
}
