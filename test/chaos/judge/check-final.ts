import type { StoredRow } from "../../support/lockstep/stored-row.ts";
import type { RecordedCall } from "../run/recorded-call.ts";
import { type LogicalWrite, logicalWrites } from "./logical-writes.ts";
import type { Violation } from "./violation.ts";

/**
 * Whether the rows, once everything is well and nothing waits, are what the callers were told: the newest acknowledged
 * write of each key, or a newer one of which nobody was told how it ended. Where Redis lost data, what was in the
 * journal alone may be gone.
 */
export function checkFinal(
  history: readonly RecordedCall[],
  rows: ReadonlyMap<string, StoredRow>,
  { redisKeepsData }: { readonly redisKeepsData: boolean },
): readonly Violation[] {
  const writes = logicalWrites(history);
  const keys = new Set([...writes.map(({ key }) => key), ...rows.keys()]);
  return [...keys].flatMap((key) => {
    const ofKey = writes.filter((write) => write.key === key);
    const what = contradiction(ofKey, rows.get(key), redisKeepsData);
    return what === undefined ? [] : [{ key, what }];
  });
}

/**
 * Writes acknowledged from the journal that are gone: no other was acknowledged after them, and the row is older. Who
 * acknowledged one must report it.
 */
export function lostFromJournal(
  history: readonly RecordedCall[],
  rows: ReadonlyMap<string, StoredRow>,
): readonly RecordedCall[] {
  const writes = logicalWrites(history);
  return [...new Set(writes.map(({ key }) => key))].flatMap((key) => {
    const newest = newestOf(
      writes.filter((write) => write.key === key && write.durable !== undefined),
    );
    if (newest?.version === undefined || newest.durable !== "journal") return [];
    if ((rows.get(key)?.version ?? "") >= newest.version) return [];
    return newest.attempts.filter(({ outcome }) => outcome.kind === "written");
  });
}

function contradiction(
  writes: readonly LogicalWrite[],
  row: StoredRow | undefined,
  redisKeepsData: boolean,
): string | undefined {
  const newest = newestOf(
    writes.filter(
      ({ durable }) => durable !== undefined && (redisKeepsData || durable !== "journal"),
    ),
  );
  if (row === undefined) {
    return newest === undefined ? undefined : `${nameOf(newest)} is lost: there is no row`;
  }
  const told = writes.find(({ version }) => version === row.version);
  if (told !== undefined && told.value !== row.value) {
    return `the row has ${shown(row.value)} under the version of ${nameOf(told)}`;
  }
  if (newest?.version !== undefined && row.version < newest.version) {
    return `${nameOf(newest)} is lost: the row has ${shown(row.value)}, ${row.version}`;
  }
  if (told !== undefined) return undefined;
  const isPossible = writes.some(
    ({ value, outcome, version }) =>
      value === row.value &&
      (outcome === "unknown" || (outcome === "written" && version === undefined)),
  );
  return isPossible
    ? undefined
    : `the row has ${shown(row.value)}, ${row.version}, which nobody wrote`;
}

function newestOf(writes: readonly LogicalWrite[]): LogicalWrite | undefined {
  return writes.toSorted((one, other) => ((one.version ?? "") < (other.version ?? "") ? 1 : -1))[0];
}

function nameOf({ attempts, version, durable, value }: LogicalWrite): string {
  return `#${attempts[0]?.id} (${shown(value)}, ${version}, ${durable})`;
}

function shown(value: string | null): string {
  return value === null ? "a delete" : JSON.stringify(value.split(" ")[0]);
}
