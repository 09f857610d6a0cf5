import { bucketOf } from "../../src/model/bucket.ts";
import { isDead, purgeAtMs, type ShadowEntry } from "../../src/model/entry.ts";
import { seqOf, type Version, writtenAtMs } from "../../src/model/version.ts";
import type { PurgeLimits, PurgePort } from "../../src/store/purge-port.ts";
import type { FakeStore } from "./fake-store.ts";

/** How long the dead are kept. */
const GRACE_MS = 24 * 3_600_000;

export function fakePurge(server: FakeStore, reach: () => void): PurgePort {
  return {
    async oldestEvents(buckets) {
      reach();
      const events = [...server.events.values()];
      return buckets.map((bucket) => {
        const versions = events
          .filter(({ entry }) => bucketOf(entry.key) === bucket)
          .map(({ entry }) => entry.version);
        return versions.toSorted().at(0);
      });
    },
    async purge({ within, limit, cursor }) {
      reach();
      const limits = new Map(within.map((of) => [of.bucket, of]));
      const due = [...server.rows.values()]
        .flatMap((row) => {
          const atMs = dueAtMs(row);
          const isDue = atMs !== null && atMs <= server.nowMs() && isDead(row, server.nowMs());
          return isDue ? [{ row, place: placeOf(atMs, row.key) }] : [];
        })
        .sort((one, other) => (one.place < other.place ? -1 : 1))
        .filter(({ place }) => cursor === undefined || place > cursor);
      const looked = due.slice(0, limit);
      const going = looked.filter(({ row }) =>
        isWithin(limits.get(bucketOf(row.key)), row.version),
      );
      for (const { row } of going) {
        const bucket = bucketOf(row.key);
        const highest = server.highestPurged.get(bucket) ?? "";
        if (row.version > highest) server.highestPurged.set(bucket, row.version);
        server.rows.delete(row.key);
      }
      return {
        purged: going.length,
        cursor: due.length > looked.length ? looked.at(-1)?.place : undefined,
      };
    },
  };
}

function dueAtMs(row: ShadowEntry): number | null {
  return purgeAtMs(row, writtenAtMs(row.version), GRACE_MS);
}

function placeOf(atMs: number, key: string): string {
  return `${String(atMs).padStart(16, "0")} ${key}`;
}

function isWithin(limits: PurgeLimits | undefined, version: Version): boolean {
  if (limits === undefined) return false;
  const { belowVersion, belowSeq } = limits;
  if (belowVersion !== undefined && version >= belowVersion) return false;
  return belowSeq === undefined || seqOf(version) < belowSeq;
}
