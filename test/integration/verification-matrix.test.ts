import { expect, it } from "@jest/globals";
import {
  expectedMatrix,
  expectInEveryMode,
  keysOfEach,
  MATRIX_LIMIT_MS,
  matrixOf,
  STILL,
} from "../support/lockstep/drift-matrix.ts";
import type { Variables } from "../support/lockstep/open-lockstep.ts";
import { everyDrift, Gardener } from "../support/lockstep/planted-drift.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { issuesIn, verifyInEveryMode } from "../support/lockstep/verify-modes.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { StartRedisOptions } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Setup {
  readonly redis: string;
  readonly options: StartRedisOptions;
  readonly isPinned: boolean;
  /** Of the instances that verify. */
  readonly verifying: Variables;
}

const setups: readonly Setup[] = [
  { redis: "a pinned Redis", options: {}, isPinned: true, verifying: {} },
  {
    redis: "an unpinned Redis",
    options: { args: ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"] },
    isPinned: false,
    // An issue counts only after the longest call, which each verification waits for.
    verifying: { LOCKSTEP_SYNC_TIMEOUT_MS: "250" },
  },
];

for (const { redis, options, isPinned, verifying } of setups) {
  describeWith(
    ["redis", "mongodb"],
    `a verification of every kind of drift between ${redis} and MongoDB`,
    () => {
      const backends = useBackends(options);
      // What is on neither side is met by no pass.
      const drifts = everyDrift.filter(
        ({ verdict, needsPinned }) => verdict !== "absent" && (isPinned || needsPinned !== true),
      );

      /** What needs the fault is planted one by one. */
      async function plantAll(gardener: Gardener) {
        const planted = keysOfEach(drifts);
        const plant = (needsFault: boolean) =>
          planted.filter(({ drift }) => (drift.needsFault ?? false) === needsFault);
        await gardener.openEventWriter();
        await Promise.all(plant(false).map(({ key, drift }) => drift.plant(gardener, key)));
        for (const { key, drift } of plant(true)) await drift.plant(gardener, key);
        return planted;
      }

      it(
        "names each key by its class in every mode, and writes nothing on either server",
        async () => {
          // All of them before anything is planted: a server that starts brings over what is in the journal.
          const gardener = new Gardener(backends, await backends.open(STILL));
          const one = await backends.open({ ...STILL, ...verifying });
          const other = await backends.open({ ...STILL, ...verifying });
          const soon = { ...verifying, LOCKSTEP_SYNC_OBJECTIVE_MS: "1" };
          const impatient = await backends.open({ ...STILL, ...soon });
          const planted = await plantAll(gardener);

          const watch = await backends.watchWrites();
          const modes = await verifyInEveryMode([one, other], { limit: 40 });
          const late = await impatient.call("verify_cache_sync");
          const written = await watch.end();

          expectInEveryMode(planted, modes);
          expect(matrixOf([late])).toEqual(
            expectedMatrix(planted, ({ verdict }) => (verdict === "pending" ? "overdue" : verdict)),
          );
          expect(written).toEqual([]);
        },
        MATRIX_LIMIT_MS,
      );

      it(
        "finds nothing left once all is repaired, and a second repair writes nothing",
        async () => {
          const lockstep = await backends.open({ ...STILL, ...verifying });
          const planted = await plantAll(new Gardener(backends, await backends.open(STILL)));
          const repairAll = () =>
            Promise.all(planted.map(({ key }) => lockstep.call("force_sync_repair", { key })));

          // On a machine that is too slow for the sync timeout, a repair stops on its way, and the next one goes on.
          const after = await waitUntil(
            async () => {
              await repairAll();
              const report = await lockstep.call("verify_cache_sync");
              return report.cacheVsShadowSync.counts.pending === 0 && report;
            },
            { withinMs: MATRIX_LIMIT_MS, what: "all repairs to reach the store" },
          );
          const watch = await backends.watchWrites();
          const again = await repairAll();
          const written = await watch.end();

          // Which value is right of a row that is corrupt, or was lost on both sides, is for a person to judge.
          const left = expectedMatrix(planted, (drift) => drift.after ?? "ok");
          expect(issuesIn([after])).toEqual(left.issues);
          expect(new Set(again.map(({ action }) => action))).toEqual(new Set(["none"]));
          expect(written).toEqual([]);
        },
        MATRIX_LIMIT_MS,
      );

      it("is watched by what sees a write on either server", async () => {
        const lockstep = await backends.open(STILL);

        const watch = await backends.watchWrites();
        await lockstep.call("kv_set", { key: "user:1", value: "v" });
        const written = await watch.end();

        expect(written).toEqual(
          expect.arrayContaining([
            expect.stringContaining("redis SET user:1"),
            "mongodb update kvshadow",
          ]),
        );
      });
    },
  );
}
