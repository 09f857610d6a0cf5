import type { Entry } from "../../../model/entry.ts";
import { upTo } from "../../../model/idempotency.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { type Version, writtenAtMs } from "../../../model/version.ts";
import type { WriteCommand } from "../../../model/write-command.ts";
import { ABSENT, standingAt } from "../../../model/write-condition.ts";
import type { CacheWrite, CopyGuard } from "../../cache-authority-port.ts";
import type { CacheObservation } from "../../cache-port.ts";
import {
  encodeIds,
  encodeMeta,
  hashBytes,
  packMark,
  packRecords,
  unpackRecords,
} from "./meta-codec.ts";

/** The arguments of write.lua after the store id. */
export function writeArgs(
  command: WriteCommand,
  pinned: boolean,
  guard: CopyGuard | undefined,
): (string | Buffer)[] {
  const set = command.op === "set" ? command : undefined;
  const { condition, idempotencyMark } = command;
  return [
    command.op,
    set?.value ?? "",
    hashBytes(set?.hash ?? ""),
    set?.ttlMs == null ? "" : String(set.ttlMs),
    encodeIds(command),
    pinned ? "1" : "0",
    guardWord(guard),
    ...(guard === undefined ? ["", "0", "", ""] : seenArgs(guard.seen)),
    guard?.token ?? "",
    idempotencyMark === undefined ? "" : packMark(idempotencyMark),
    packRecords(guard?.idempotency),
    condition?.kind ?? "",
    condition?.kind === "version" ? condition.version : "",
  ];
}

/** What write.lua answered. Error: KEY_WRONG_TYPE. */
export function readWriteAnswer(
  command: WriteCommand,
  pinned: boolean,
  [status, ...values]: readonly unknown[],
): CacheWrite {
  const [first, second, third, fourth] = values.map(String);
  switch (String(status)) {
    case "WRITTEN":
      return {
        outcome: "written",
        entry: entryOf(command, String(first), msOrNull(third), values[3]),
        existed: second === "?" ? undefined : second === "1",
        pinned,
      };
    case "REPEATED":
      return {
        outcome: "repeated",
        // The deadline of a write that another has followed is nowhere kept; it was counted from its version's time.
        entry: entryOf(
          command,
          String(first),
          third === "1" ? msOrNull(fourth) : deadlineOf(command, String(first)),
          values[4],
        ),
        isPending: second === "1",
        pinned,
      };
    case "CONFLICT":
      return {
        outcome: "conflict",
        standing: first === "absent" ? ABSENT : standingAt(String(first)),
      };
    case "REUSED":
      return { outcome: "reused" };
    case "COLD":
      return { outcome: "cold" };
    case "WRONG_TYPE":
      throw wrongType(command.key, String(first));
    default:
      return { outcome: "moved" };
  }
}

/** Meta, value and marker of an observation as `is_as_seen` in the prelude takes them. */
export function seenArgs({
  key,
  meta,
  value,
  foreignType,
  markerSeq,
}: CacheObservation): (string | Buffer)[] {
  if (foreignType !== undefined) throw wrongType(key, foreignType);
  return [
    meta === undefined ? "" : encodeMeta(meta),
    value === undefined ? "0" : "1",
    value?.bytes ?? value?.text ?? "",
    markerSeq === undefined ? "" : String(markerSeq),
  ];
}

function guardWord(guard: CopyGuard | undefined): string {
  if (guard === undefined) return "";
  return guard.token === undefined ? "seen" : "lease";
}

function entryOf(
  command: WriteCommand,
  version: Version,
  expiresAtMs: number | null,
  packedRecords: unknown,
): Entry {
  const { key, sessionId, interactionId } = command;
  const set = command.op === "set" ? command : undefined;
  const records = upTo(unpackRecords(packedRecords as Buffer), version);
  return {
    key,
    version,
    value: set?.value ?? null,
    hash: set?.hash ?? "",
    expiresAtMs,
    sessionId,
    interactionId,
    ...(records.length === 0 ? {} : { idempotency: records }),
  };
}

function deadlineOf(command: WriteCommand, version: Version): number | null {
  if (command.op === "delete" || command.ttlMs === null) return null;
  return writtenAtMs(version) + command.ttlMs;
}

function msOrNull(text: string | undefined): number | null {
  return text === undefined || text === "" ? null : Number(text);
}

function wrongType(key: string, type: string): LockstepError {
  return new LockstepError(
    "KEY_WRONG_TYPE",
    `The key ${JSON.stringify(key)} holds a Redis ${type}, not a string.`,
  );
}
