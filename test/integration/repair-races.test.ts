import { expect, it } from "@jest/globals";
import type { ToolFailure } from "../support/lockstep/caller.ts";
import { everyDrift, Gardener } from "../support/lockstep/planted-drift.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { type SeededRandom, seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const rounds = 60;
const strategies = ["auto", "cache", "store", "newest"] as const;
const mendable = everyDrift.filter(({ action }) => action !== "none");
const noSweep = { LOCKSTEP_OUTBOX_INTERVAL_MS: "3600000" };

describeWith(["redis", "mongodb"], "a repair that races a live write", () => {
  const backends = useBackends();

  it("loses to the write that comes while it holds the lease of a key without version", async () => {
    const lockstep = await backends.open();
    const gardener = new Gardener(backends, lockstep);
    await gardener.setAndEvict("contested", "ours");
    await gardener.redis.set("contested", "theirs");
    const slowReads = { commands: ["find"], namespace: backends.rowsNamespace, delayMs: 400 };
    await backends.fault.set(slowReads);

    const repair = Promise.allSettled([lockstep.call("force_sync_repair", { key: "contested" })]);
    // It has looked, taken the lease, and looks at the store once more.
    await waitUntil(() => gardener.redis.exists("lockstep:l:contested"), { everyMs: 5 });
    const { version } = await gardener.set("contested", "the live write");
    expect(await repair).toMatchObject([{ reason: { code: "KEY_IN_MOTION", retryable: true } }]);
    await backends.fault.lift();
    expect(await lockstep.call("kv_get", { key: "contested" })).toMatchObject({
      value: "the live write",
      version,
    });
    expect(await backends.rowOf("contested")).toMatchObject({ version });
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });

  it(
    "never costs that write, whatever was wrong before and whichever comes first",
    seeded(async (random) => {
      const repairing = await backends.open(noSweep);
      const writing = await backends.open(noSweep);
      const gardener = new Gardener(backends, repairing);

      for (let round = 0; round < rounds; round += 1) {
        const key = `raced ${round}`;
        const { plant, what } = random.pick(mendable);
        await plant(gardener, key);
        const strategy = random.pick(strategies);
        const [repaired, written] = await Promise.allSettled([
          repairing.call("force_sync_repair", { key, strategy }),
          writeSoon(random, key),
        ]);

        if (written.status === "rejected") throw written.reason;
        const lost = repaired.status === "rejected" ? [repaired.reason as ToolFailure] : [];
        expect(lost.map(({ code }) => code)).toEqual(lost.map(() => "KEY_IN_MOTION"));
        const { value, version } = written.value;
        const read = await repairing.call("kv_get", { key });
        const row = await backends.rowOf(key);
        const after = { read: read.value, row: row?.lastValue, version: row?.version };
        expect({ what, strategy, repaired, ...after }).toEqual({
          what,
          strategy,
          repaired,
          read: value,
          row: value,
          version,
        });
      }
      expect(await writing.call("verify_cache_sync")).toMatchObject({
        overallSyncHealth: "HEALTHY",
      });

      /** Lets the repair get some steps ahead: as many as this takes round trips to Redis. */
      async function writeSoon(chance: SeededRandom, key: string) {
        const isDelete = chance.integer(4) === 0;
        for (let trips = chance.integer(12); trips > 0; trips -= 1) await backends.client.ping();
        return isDelete
          ? { value: null, ...(await writing.call("kv_delete", { key })) }
          : { value: "live", ...(await writing.call("kv_set", { key, value: "live" })) };
      }
    }),
  );
});
