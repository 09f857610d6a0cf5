import { groupByKey } from "../group-by-key.ts";
/** One acknowledged write or answered read, as its caller saw it. Times are of one clock. */
export type Operation = WriteOperation | ReadOperation | UnknownWrite;

interface Timed {
  readonly key: string;
  readonly beganMs: number;
  readonly endedMs: number;
}

export interface WriteOperation extends Timed {
  readonly op: "write";
  readonly version: string;
  /** null: a delete. */
  readonly value: string | null;
}

/** A write that may have happened, then or later, or not at all. */
export interface UnknownWrite extends Timed {
  readonly op: "unknown";
  /** null: a delete. */
  readonly value: string | null;
}

export interface ReadOperation extends Timed {
  readonly op: "read";
  /** undefined: not found. */
  readonly seen: { readonly version: string | null; readonly value: string | null } | undefined;
}

/** The write of each key that must stand at the end: of all that were acknowledged, the one with the greatest version. */
export function finalWrites(history: readonly Operation[]): ReadonlyMap<string, WriteOperation> {
  const last = new Map<string, WriteOperation>();
  for (const write of history.filter(isWrite)) {
    const known = last.get(write.key);
    if (known === undefined || write.version > known.version) last.set(write.key, write);
  }
  return last;
}

/**
 * What contradicts one shared register per key, each as a sentence: versions that go back in time, reads that miss a
 * write acknowledged before they began or an earlier read saw, and values that nobody wrote. Where the cache may evict
 * the version of a value and not the value, a read without version is judged by its value.
 */
export function contradictions(
  history: readonly Operation[],
  { versionsAreEvicted = false }: { readonly versionsAreEvicted?: boolean } = {},
): readonly string[] {
  const byKey = groupByKey(history);
  return [...byKey.values()].flatMap((group) => {
    const operations = versionsAreEvicted ? withVersions(group) : group;
    return [...disorderedWrites(operations.filter(isWrite)), ...impossibleReads(operations)];
  });
}

/** Gives reads of a value without version the version of the write that it is of; each value is written once. */
function withVersions(operations: readonly Operation[]): readonly Operation[] {
  const versionOfValue = new Map(
    operations.filter(isWrite).map(({ value, version }) => [value, version]),
  );
  return operations.map((operation) => {
    if (!isRead(operation) || operation.seen === undefined) return operation;
    const { value, version } = operation.seen;
    const seen = { value, version: version ?? versionOfValue.get(value) ?? null };
    return { ...operation, seen };
  });
}

function disorderedWrites(writes: readonly WriteOperation[]): readonly string[] {
  return writes.flatMap((first) =>
    writes
      .filter((second) => second !== first)
      .filter(
        (second) =>
          second.version === first.version ||
          (first.endedMs < second.beganMs && second.version < first.version),
      )
      .map((second) => `${first.key}: ${second.version} was written after ${first.version}`),
  );
}

function impossibleReads(operations: readonly Operation[]): readonly string[] {
  const writes = operations.filter(isWrite);
  const reads = operations.filter(isRead);
  const unknown = operations.filter(isUnknown);
  const byVersion = new Map(writes.map((write) => [write.version, write]));
  return reads.flatMap((read) => {
    const { key, seen } = read;
    const floor = newestBefore(read, operations);
    if (seen === undefined) {
      const deletes = writes.filter(({ value }) => value === null);
      const canBe =
        floor === "" ||
        deletes.some(({ version, beganMs }) => version >= floor && beganMs < read.endedMs) ||
        unknown.some(({ value, beganMs }) => value === null && beganMs < read.endedMs);
      return canBe ? [] : [`${key}: not found, although ${floor} was there`];
    }
    if (unknown.some(({ value, beganMs }) => value === seen.value && beganMs < read.endedMs)) {
      const isOld = seen.version !== null && seen.version < floor;
      return isOld ? [`${key}: read ${seen.version} after ${floor}`] : [];
    }
    const written = byVersion.get(seen.version ?? "");
    if (written === undefined || written.value !== seen.value || written.beganMs > read.endedMs) {
      return [`${key}: read ${seen.value} as ${seen.version}, which nobody had written`];
    }
    return written.version >= floor ? [] : [`${key}: read ${seen.version} after ${floor}`];
  });
}

/** The newest version that was acknowledged, or that a reader had seen, before this read began. */
function newestBefore(read: ReadOperation, operations: readonly Operation[]): string {
  return operations
    .filter(({ endedMs }) => endedMs < read.beganMs)
    .map(versionOf)
    .reduce((newest, version) => (version > newest ? version : newest), "");
}

function isWrite(operation: Operation): operation is WriteOperation {
  return operation.op === "write";
}

function isRead(operation: Operation): operation is ReadOperation {
  return operation.op === "read";
}

function isUnknown(operation: Operation): operation is UnknownWrite {
  return operation.op === "unknown";
}

function versionOf(operation: Operation): string {
  switch (operation.op) {
    case "write":
      return operation.version;
    case "read":
      return operation.seen?.version ?? "";
    case "unknown":
      return "";
  }
}
