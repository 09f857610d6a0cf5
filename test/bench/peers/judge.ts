import type { Copies } from "./peer.ts";

/** A write as its caller saw it. Times are of one clock that all processes share. */
export interface TriedWrite {
  readonly id: string;
  readonly op: "set" | "delete";
  readonly key: string;
  readonly beganMs: number;
  /** When its caller was told that it is done; undefined where that never came, or an error did. */
  readonly endedMs: number | undefined;
}

export interface Outcome {
  /** Writes whose callers were told that they are done. */
  readonly acknowledged: number;
  readonly lost: number;
  readonly stale: number;
  readonly resurrected: number;
}

/** Which write stands in each copy, by its id; undefined: nothing stands there. */
export type StandingCopies = Copies;

/**
 * Counts keys at the end of a run, each at most once, by its last acknowledged writes (those after whose end no other
 * acknowledged one of the key began; several where they overlapped):
 * - resurrected: these are deletes, and a copy shows a value that was written before one of them began;
 * - lost: one of these is a set, and neither copy has it or anything that may have come after it;
 * - stale: otherwise, and the cache shows what the store does not.
 * A cache that holds nothing of a key is no fault. What was never acknowledged may stand or not.
 */
export function judge(writes: readonly TriedWrite[], copies: readonly StandingCopies[]): Outcome {
  const byKey = new Map<string, TriedWrite[]>();
  for (const write of writes) {
    const ofKey = byKey.get(write.key);
    if (ofKey === undefined) byKey.set(write.key, [write]);
    else ofKey.push(write);
  }
  const counts = { lost: 0, stale: 0, resurrected: 0 };
  for (const copy of copies) {
    const verdict = verdictOn(byKey.get(copy.key) ?? [], copy);
    if (verdict !== "ok") counts[verdict] += 1;
  }
  return {
    acknowledged: writes.filter(({ endedMs }) => endedMs !== undefined).length,
    ...counts,
  };
}

function verdictOn(
  writes: readonly TriedWrite[],
  { cached, stored }: StandingCopies,
): "ok" | keyof Omit<Outcome, "acknowledged"> {
  const last = lastAcknowledged(writes);
  const byId = new Map(writes.map((write) => [write.id, write]));
  const shown = [cached, stored].flatMap((id) => byId.get(id ?? "") ?? []);
  if (
    last.length > 0 &&
    last.every(({ op }) => op === "delete") &&
    shown.some((value) => last.some((deletion) => precedes(value, deletion)))
  ) {
    return "resurrected";
  }
  const isBehind = (write: TriedWrite, id: string | undefined) =>
    id === undefined ? !mayBeAbsentAfter(write, writes) : isBefore(byId.get(id), write);
  const missed = last
    .filter(({ op }) => op === "set")
    .some((write) => isBehind(write, stored) && (cached === undefined || isBehind(write, cached)));
  if (missed) return "lost";
  return cached !== undefined && cached !== stored ? "stale" : "ok";
}

function lastAcknowledged(writes: readonly TriedWrite[]): readonly TriedWrite[] {
  const acknowledged = writes.filter(({ endedMs }) => endedMs !== undefined);
  const latestBeganMs = Math.max(...acknowledged.map(({ beganMs }) => beganMs));
  return acknowledged.filter(({ endedMs = Infinity }) => endedMs >= latestBeganMs);
}

/** Whether a delete may have come after the write. */
function mayBeAbsentAfter(write: TriedWrite, writes: readonly TriedWrite[]): boolean {
  return writes.some((other) => other.op === "delete" && !precedes(other, write));
}

/** A value that nobody reported is of a process that was killed before it could: nobody knows when it came. */
function isBefore(value: TriedWrite | undefined, write: TriedWrite): boolean {
  return value !== undefined && precedes(value, write);
}

function precedes(first: TriedWrite, second: TriedWrite): boolean {
  return first.endedMs !== undefined && first.endedMs < second.beganMs;
}
