import type { Clock } from "../../src/lib/clock.ts";
import { type KeptRecord, RECORDS_MAX, type RecordsPort } from "../../src/store/records-port.ts";
import type { FakeStore } from "./fake-store.ts";

/** The records of a simulated store, as one process reads and writes them. */
export function fakeRecords(server: FakeStore, clock: Clock, reach: () => void): RecordsPort {
  const idOf = ({ kind, id }: Pick<KeptRecord, "kind" | "id">) => JSON.stringify([kind, id]);
  const find = (kind: string, id: string) => {
    const found = server.records.get(idOf({ kind, id }));
    return found === undefined || !isThere(found) ? undefined : found;
  };
  const isThere = ({ expiresAtMs }: KeptRecord) =>
    expiresAtMs === null || expiresAtMs > clock.nowMs();
  const newestFirst = (kind: string, group: string | undefined) =>
    [...server.records.values()]
      .filter((record) => record.kind === kind && isThere(record))
      .filter((record) => group === undefined || record.group === group)
      .sort(compare);
  const keep = (record: Omit<KeptRecord, "revision">) => {
    const revision = (find(record.kind, record.id)?.revision ?? 0) + 1;
    server.records.set(idOf(record), structuredClone({ ...record, revision }));
  };
  return {
    async put(records) {
      reach();
      for (const record of records) keep(record);
    },
    async replace(record, revision) {
      reach();
      if ((find(record.kind, record.id)?.revision ?? 0) !== revision) return false;
      keep(record);
      return true;
    },
    async get(kind, id) {
      reach();
      return find(kind, id);
    },
    async list(kind, { group, before, limit }) {
      reach();
      return newestFirst(kind, group)
        .filter((record) => before === undefined || compare(record, before) > 0)
        .slice(0, Math.min(limit, RECORDS_MAX));
    },
    async remove(kind, id) {
      reach();
      const isFound = find(kind, id) !== undefined;
      server.records.delete(idOf({ kind, id }));
      return isFound;
    },
    async trim(kind, { group, keep: left }) {
      reach();
      const old = newestFirst(kind, group).slice(left);
      for (const record of old) server.records.delete(idOf(record));
      return old.length;
    },
  };
}

type Position = Pick<KeptRecord, "atMs" | "id">;

function compare(one: Position, other: Position): number {
  return other.atMs - one.atMs || Buffer.compare(Buffer.from(other.id), Buffer.from(one.id));
}
