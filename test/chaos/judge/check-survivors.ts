import { groupByKey } from "../../support/group-by-key.ts";
import type { RecordedCall } from "../run/recorded-call.ts";
import { Floors } from "./floors.ts";
import { type LogicalWrite, logicalWrites } from "./logical-writes.ts";
import type { Violation } from "./violation.ts";

/** A time in which some processes may have used one Redis and some another, by the clock of the history. */
export interface Split {
  readonly fromMs: number;
  readonly untilMs: number;
}

interface Terms {
  /** A read may show a write whose caller was told that it failed, as it may where nothing is pinned. */
  readonly mayShowRefused: boolean;
  readonly splits: readonly Split[];
}

type Call = Pick<RecordedCall, "id" | "beganMs" | "endedMs">;
type Read = Call & { readonly value: string | null; readonly version: string | null };

/**
 * What holds whatever Redis loses: no read shows what is older than a write that was told to be in shadow or outbox
 * before the read began, and no write is given a version below one that was told before it began. Of what only the
 * journal had, readers may see as much as is left.
 */
export function checkSurvivors(
  history: readonly RecordedCall[],
  terms: Terms,
): readonly Violation[] {
  const calls = groupByKey(history);
  const writes = groupByKey(logicalWrites(history));
  return [...calls].flatMap(([key, ofKey]) =>
    [
      ...forgotten(ofKey, writes.get(key) ?? [], terms),
      ...disordered(ofKey, writes.get(key) ?? [], terms),
    ].map((what) => ({ key, what })),
  );
}

function forgotten(
  calls: readonly RecordedCall[],
  writes: readonly LogicalWrite[],
  terms: Terms,
): string[] {
  // Each repetition stands for itself: where Redis has lost the first one, another may have been carried out anew.
  const surviving = new Floors(toldIn(calls).filter(({ durable }) => durable !== "journal"));
  return readsIn(calls).flatMap((read) => {
    const floor = surviving.before(read.beganMs);
    if (floor === undefined || mayShow(read, floor.version, calls, writes, terms)) return [];
    const what = read.value === null ? "found nothing" : `read ${read.version}`;
    return [`#${read.id} ${what}, after ${floor.name} was told to survive as ${floor.version}`];
  });
}

function mayShow(
  read: Read,
  floor: string,
  calls: readonly RecordedCall[],
  writes: readonly LogicalWrite[],
  { mayShowRefused, splits }: Terms,
): boolean {
  const { value, version, beganMs } = read;
  // A process that the others have left behind shows what its Redis has, which is of an earlier epoch.
  const isBehind = version === null || epochOf(version) < epochOf(floor);
  if (isBehind && isIn(splits, beganMs)) return true;
  if (version !== null) return version >= floor;
  if (value === null) return mayBeDeleted(read, floor, calls, mayShowRefused);
  // Without its meta a value has no version, but nobody else has written it.
  return writes.some(
    (write) =>
      write.value === value &&
      (write.attempts.some(({ outcome }) => outcome.kind === "unknown") ||
        toldIn(write.attempts).some((told) => told.version >= floor)),
  );
}

function mayBeDeleted(
  { endedMs }: Read,
  floor: string,
  calls: readonly RecordedCall[],
  mayShowRefused: boolean,
): boolean {
  return calls.some(({ request, beganMs, outcome }) => {
    if (request.tool !== "kv_delete" || beganMs > endedMs) return false;
    if (outcome.kind === "written") return outcome.version >= floor;
    return outcome.kind === "unknown" || mayShowRefused;
  });
}

/** What was minted after another write had been told outranks that, wherever that one is by now. */
function disordered(
  calls: readonly RecordedCall[],
  writes: readonly LogicalWrite[],
  { splits }: Terms,
): string[] {
  const told = new Floors(toldIn(calls));
  return writes.flatMap(({ version, beganMs, attempts }) => {
    const floor = told.before(beganMs);
    if (version === undefined || floor === undefined || floor.version < version) return [];
    if (epochOf(version) < epochOf(floor.version) && isIn(splits, beganMs)) return [];
    return [
      `#${attempts[0]?.id} was written as ${version}, after ${floor.name} had ${floor.version}`,
    ];
  });
}

function toldIn(calls: readonly RecordedCall[]) {
  return calls.flatMap(({ id, endedMs, outcome }) =>
    outcome.kind === "written" ? [{ ...outcome, endedMs, name: `#${id}` }] : [],
  );
}

/** Those that do not say themselves that they may be behind. */
function readsIn(calls: readonly RecordedCall[]): readonly Read[] {
  return calls.flatMap(({ outcome, ...call }) =>
    outcome.kind === "read" && !outcome.mayBeBehind ? [{ ...call, ...outcome }] : [],
  );
}

function epochOf(version: string): string {
  return version.slice(0, 8);
}

function isIn(splits: readonly Split[], ms: number): boolean {
  return splits.some(({ fromMs, untilMs }) => fromMs <= ms && ms <= untilMs);
}
