import { groupByKey } from "../../support/group-by-key.ts";
import type { Outcome, RecordedCall } from "../run/recorded-call.ts";
import { Floors, type Held } from "./floors.ts";
import { type LogicalWrite, logicalWrites } from "./logical-writes.ts";
import type { Violation } from "./violation.ts";

/** Something that shows a version of a key: a write that was told, or a read. */
interface Sighting extends Held {
  readonly beganMs: number;
  readonly isWrite: boolean;
}

/**
 * Whether versions order the writes of each key as real time does: nobody sees, or is told, an older version after
 * somebody else has had a newer one in hand. Stronger than linearizability where that looks at values only, and quick
 * however many outcomes are unknown.
 */
export function checkVersions(history: readonly RecordedCall[]): readonly Violation[] {
  const writes = groupByKey(logicalWrites(history));
  const calls = groupByKey(history);
  return [...calls].flatMap(([key, ofKey]) =>
    checkKey(ofKey, writes.get(key) ?? []).map((what) => ({ key, what })),
  );
}

function checkKey(calls: readonly RecordedCall[], writes: readonly LogicalWrite[]): string[] {
  const reads = calls.flatMap(({ outcome, ...call }) =>
    outcome.kind === "read" && !outcome.mayBeBehind ? [{ ...call, ...outcome }] : [],
  );
  const versions = versionsOf(writes, reads);
  const sightings: Sighting[] = [
    ...writes.flatMap((write) => sightingOf(write, versions)),
    ...reads.flatMap(({ id, version, beganMs, endedMs }) =>
      version === null ? [] : [{ version, beganMs, endedMs, name: `#${id}`, isWrite: false }],
    ),
  ];
  const floors = new Floors(sightings);
  return [
    ...unlikeVersions(writes, reads, versions),
    ...sightings.flatMap((sighting) => objection(sighting, floors)),
    ...reads.flatMap((read) => missedWrites(read, writes, floors)),
    ...writes.flatMap((write) => brokenCondition(write, writes, versions)),
  ];
}

type Read = Pick<RecordedCall, "id" | "beganMs" | "endedMs"> &
  Pick<Extract<Outcome, { kind: "read" }>, "value" | "version">;

/** The version of each write: as it was told, else as a read has shown it. */
function versionsOf(
  writes: readonly LogicalWrite[],
  reads: readonly Read[],
): ReadonlyMap<LogicalWrite, string> {
  const byValue = new Map(
    reads.flatMap(({ value, version }) =>
      value === null || version === null ? [] : [[value, version]],
    ),
  );
  return new Map(
    writes.flatMap((write) => {
      const version =
        write.version ?? (write.value === null ? undefined : byValue.get(write.value));
      return version === undefined ? [] : [[write, version] as const];
    }),
  );
}

function sightingOf(write: LogicalWrite, versions: ReadonlyMap<LogicalWrite, string>): Sighting[] {
  const version = versions.get(write);
  if (version === undefined) return [];
  const { beganMs, endedMs = Number.POSITIVE_INFINITY, attempts } = write;
  return [{ version, beganMs, endedMs, name: `#${attempts[0]?.id}`, isWrite: true }];
}

function unlikeVersions(
  writes: readonly LogicalWrite[],
  reads: readonly Read[],
  versions: ReadonlyMap<LogicalWrite, string>,
): string[] {
  const byValue = new Map(writes.map((write) => [write.value, write]));
  const seen = new Map<string, LogicalWrite>();
  const twice = [...versions].flatMap(([write, version]) => {
    const other = seen.get(version);
    seen.set(version, write);
    return other === undefined ? [] : [`${version} was given to two writes`];
  });
  const unlike = reads.flatMap(({ id, value, version }) => {
    const write = value === null ? undefined : byValue.get(value);
    const expected = write === undefined ? undefined : versions.get(write);
    if (value === null || expected === version) return [];
    return [`#${id} read ${version}, but that value was written as ${expected}`];
  });
  return [...twice, ...unlike];
}

function objection(
  { version, beganMs, name, isWrite }: Sighting,
  floors: Floors,
): readonly string[] {
  const floor = floors.before(beganMs);
  if (floor === undefined || floor.version < version) return [];
  if (floor.version === version && !isWrite) return [];
  const did = isWrite ? "was written as" : "read";
  return [`${name} ${did} ${version}, after ${floor.name} had ${floor.version}`];
}

/** Nothing was found, although something must have been there. */
function missedWrites(
  { id, value, beganMs, endedMs }: Read,
  writes: readonly LogicalWrite[],
  floors: Floors,
): string[] {
  if (value !== null) return [];
  const floor = floors.before(beganMs);
  const mayBeDeleted = writes.some(
    ({ version = "9", ...write }) =>
      write.value === null &&
      write.outcome !== "refused" &&
      write.beganMs < endedMs &&
      version >= (floor?.version ?? ""),
  );
  if (floor === undefined || mayBeDeleted) return [];
  return [`#${id} found nothing, after ${floor.name} had ${floor.version}`];
}

function brokenCondition(
  write: LogicalWrite,
  writes: readonly LogicalWrite[],
  versions: ReadonlyMap<LogicalWrite, string>,
): string[] {
  const { version, ifVersion, ifAbsent, attempts } = write;
  if (version === undefined || (ifVersion === undefined && !ifAbsent)) return [];
  const name = `#${attempts[0]?.id}`;
  const before = [...versions].filter(([, other]) => other < version);
  if (ifVersion !== undefined) {
    return before
      .filter(([, other]) => other > ifVersion)
      .map(([, other]) => `${name} was written over ${other}, although it asked for ${ifVersion}`);
  }
  const [last] = before.toSorted(([, one], [, other]) => (one < other ? 1 : -1));
  const mayBeDeleted =
    last?.[0].value == null ||
    writes.some((other) => other.value === null && other.outcome === "unknown");
  return mayBeDeleted
    ? []
    : [`${name} was written over ${last[1]}, although it asked for nothing there`];
}
