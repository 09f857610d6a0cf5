import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { openSqlite } from "../../src/store/drivers/sqlite/open-sqlite.ts";
import { LEASE_MS } from "../../src/sync/projector.ts";
import { entryOf, tombstoneOf, versionNo } from "../contract/entries.ts";
import { checkRegister, type RegisterOperation } from "../support/lockstep/linearizability.ts";
import { registerStorm } from "../support/lockstep/register-storm.ts";
import { type StartedLockstep, startLockstep } from "../support/lockstep/start-lockstep.ts";
import { type RowReader, readSqlite } from "../support/lockstep/stored-row.ts";
import { seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const keys = Array.from({ length: 8 }, (_, at) => `user:${at}`);

describeWith([], "processes on one SQLite file of which some are killed", () => {
  let folder: string;
  let file: string;
  let opened: StartedLockstep[];
  let store: RowReader | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-kills-"));
    file = join(folder, "store.db");
    opened = [];
  });

  afterEach(async () => {
    await Promise.all(opened.map((one) => one.close()));
    await store?.close();
    store = undefined;
    await rm(folder, { recursive: true });
  });

  const start = async (mode: "hybrid" | "event-only") => {
    const one = await startLockstep({ LOCKSTEP_SQLITE_FILE: file, LOCKSTEP_SYNC_MODE: mode });
    opened.push(one);
    return one;
  };

  it(
    "lose no acknowledged write, bring back no deleted key, and stay linearizable for the others",
    seeded(async (random) => {
      const modes = ["hybrid", "event-only", "hybrid", "event-only"] as const;
      const [direct, event, killedDirect, killedEvent] = (await Promise.all(modes.map(start))) as [
        StartedLockstep,
        StartedLockstep,
        StartedLockstep,
        StartedLockstep,
      ];
      store = await readSqlite(file);
      const history: RegisterOperation[] = [];
      let isOver = false;
      const load = registerStorm([direct, event, killedDirect, killedEvent], {
        random,
        keys,
        concurrency: 3,
        stop: () => isOver,
        history,
      });
      const until = (count: number) =>
        waitUntil(() => history.length >= count, { withinMs: 60_000, what: `${count} operations` });

      await until(150 + random.integer(100));
      await killedEvent.kill();
      await until(history.length + 50 + random.integer(100));
      const killedMs = performance.now();
      await killedDirect.kill();
      await until(history.length + 150);
      isOver = true;
      await load;

      await waitUntil(async () => (await store?.unprocessedEvents()) === 0, {
        withinMs: 20_000,
        what: "the outbox to drain",
      });
      console.log(`Drained ${Math.round(performance.now() - killedMs)} ms after the last kill.`);
      // What the file holds now is one more read of each key, after everything else.
      const rows = await store.rows();
      const beganMs = performance.now();
      for (const key of keys) {
        const value = rows.get(key)?.value ?? null;
        history.push({ op: "read", key, beganMs, endedMs: beganMs, value });
      }
      for (const one of [direct, event]) {
        for (const key of keys) {
          const answer = await one.call("kv_get", { key });
          const value = answer.found ? answer.value : null;
          history.push({ op: "read", key, beganMs, endedMs: performance.now(), value });
        }
        const report = await one.call("verify_cache_sync");
        expect(report.cacheVsShadowSync.mismatches).toEqual([]);
        expect(report.overallSyncHealth).toBe("HEALTHY");
      }
      expect(checkRegister(history)).toEqual([]);
      expect(history.some(({ op }) => op === "refusal")).toBe(true);
    }),
  );

  it("leave claimed events behind, which another applies within five seconds", async () => {
    const survivor = await start("hybrid");
    store = await readSqlite(file);
    const gone = await openSqlite({ file, clock: systemClock, random: systemRandom });
    const beganMs = performance.now();

    // In one turn, so in one transaction: nobody else can claim them before.
    const [, claimed] = await Promise.all([
      gone.outbox.append([
        entryOf({ key: "set", version: versionNo(1) }),
        tombstoneOf({ key: "deleted", version: versionNo(2) }),
      ]),
      gone.outbox.claim({ owner: "gone", limit: 10, leaseMs: LEASE_MS }),
    ]);
    await gone.store.close();
    await waitUntil(async () => (await store?.unprocessedEvents()) === 0, {
      withinMs: 20_000,
      what: "the events of the gone process to be applied",
    });

    console.log(`Applied after ${Math.round(performance.now() - beganMs)} ms.`);
    expect(claimed).toHaveLength(2);
    const rows = await store.rows();
    expect(rows.get("set")).toEqual({ version: versionNo(1), value: "a value" });
    expect(rows.get("deleted")).toEqual({ version: versionNo(2), value: null });
    expect(await survivor.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });
});
