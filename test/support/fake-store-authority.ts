import type { Clock } from "../../src/lib/clock.ts";
import { isDead } from "../../src/model/entry.ts";
import { epochOf, formatVersion, seqOf } from "../../src/model/version.ts";
import type { AuthorityCommands } from "../../src/store/drivers/mongodb/authority-commands.ts";
import { lifeLeftMs } from "../../src/store/statement-life.ts";
import type { FakeStore } from "./fake-store.ts";

/** The two commands by which processes write where the store decides; what they do with them is the driver's own code. */
export function fakeAuthorityCommands(
  server: FakeStore,
  clock: Clock,
  reach: () => void,
): AuthorityCommands {
  return {
    async mint(bucket, floor = formatVersion(0, 0)) {
      reach();
      const epoch = Math.max(server.epochOf(bucket), epochOf(floor));
      const last = server.lastSeqs.get(bucket) ?? 0;
      const seq = Math.max(last + 1, seqOf(floor) + 1, server.nowMs() * 1000);
      server.epochs.set(bucket, epoch);
      server.lastSeqs.set(bucket, seq);
      return formatVersion(epoch, seq);
    },
    async writeRow({ entry, guard, event, nowMs }, life) {
      reach();
      lifeLeftMs(life, clock);
      if (event !== undefined && event.version >= entry.version)
        return { outcome: "overtaken", by: event.version };
      const row = server.rows.get(entry.key);
      const isEventNewest = event !== undefined && event.version > (row?.version ?? "");
      const newest = isEventNewest ? event : row;
      const version = newest?.version ?? null;
      if (guard !== undefined && guard.version !== version) return { outcome: "moved", version };
      if (row !== undefined && row.version >= entry.version)
        return { outcome: "overtaken", by: row.version };
      server.upsert(entry, "ASYNC_THREAD", Math.floor(nowMs));
      return { outcome: "written", existed: newest !== undefined && !isDead(newest, nowMs) };
    },
  };
}
