import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const places = 4;

describeWith(["redis", "mongodb"], "high load", () => {
  const backends = useBackends();

  it("sends writes by event while the pool is full, except those that ask for the direct way", async () => {
    const lockstep = await backends.open({
      LOCKSTEP_SYNC_CONCURRENCY: String(places),
      LOCKSTEP_SYNC_BATCH_SIZE: "1",
      LOCKSTEP_SYNC_TIMEOUT_MS: "10000",
    });
    await lockstep.call("kv_set", { key: "to be deleted", value: "v" });
    await backends.fault.set({
      commands: ["update"],
      namespace: backends.rowsNamespace,
      delayMs: 2_500,
      times: places,
    });
    const filling = Promise.all(
      Array.from({ length: places }, (_, i) =>
        lockstep.call("hybrid_sync_manual", { key: `slow ${i}`, value: "v" }),
      ),
    );
    await waitUntil(async () => (await lockstep.call("hybrid_sync_stats")).pool.active === places, {
      what: "the pool to be full",
    });

    const plain = await lockstep.call("kv_set", { key: "plain", value: "v" });
    const adaptive = await lockstep.call("hybrid_sync_adaptive", { key: "adaptive", value: "v" });
    const deleted = await lockstep.call("kv_delete", { key: "to be deleted" });
    const load = await lockstep.call("hybrid_sync_load_check");
    const manual = lockstep.call("hybrid_sync_manual", { key: "manual", value: "v" });
    const removed = lockstep.call("hybrid_sync_delete", { key: "plain" });
    const queued = await waitUntil(async () => {
      const { pool } = await lockstep.call("hybrid_sync_stats");
      return pool.queued === 2 && pool;
    });

    expect(plain).toMatchObject({ method: "EVENT_BASED", durable: "outbox" });
    expect(adaptive).toMatchObject({
      method: "EVENT_BASED",
      durable: "outbox",
      strategy: "event",
      reason: expect.stringContaining("pool is at 100 % (threshold 80 %)"),
    });
    expect(deleted).toMatchObject({ method: "EVENT_BASED", durable: "outbox", existed: true });
    expect(load).toMatchObject({
      highLoad: true,
      inputs: { poolUtilization: 1 },
      wouldUse: "EVENT_BASED",
    });
    expect(queued).toMatchObject({ active: places, max: places });
    const direct = { method: "ASYNC_THREAD", durable: "shadow" };
    expect(await manual).toMatchObject(direct);
    expect(await removed).toMatchObject({ ...direct, existed: true });
    expect(await filling).toMatchObject(Array(places).fill(direct));
    expect(await lockstep.call("hybrid_sync_load_check")).toMatchObject({
      highLoad: false,
      wouldUse: "ASYNC_THREAD",
    });
    await backends.untilSynced();
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });

  it("is more than a hundred unprocessed events, and is over below that", async () => {
    const lockstep = await backends.open();
    await lockstep.call("kv_set", { key: "a", value: "v" });
    // Claimed by a process that will not come back, so that they wait for the length of the test.
    const claimed = Array.from({ length: 101 }, (_, i) => ({
      type: "KVMutated",
      ts: new Date(),
      processed: false,
      leaseUntil: new Date(Date.UTC(2100, 0, 1)),
      payload: { key: `waiting ${i}` },
    }));
    await backends.database.collection("outbox").insertMany(claimed);

    const load = await lockstep.call("hybrid_sync_load_check");
    const adaptive = await lockstep.call("hybrid_sync_adaptive", { key: "a", value: "w" });
    await backends.database.collection("outbox").deleteOne({ "payload.key": "waiting 0" });

    const high = "101 events are unprocessed (threshold: more than 100)";
    expect(load).toMatchObject({ highLoad: true, inputs: { unprocessed: 101 } });
    expect(load.reason).toContain(high);
    expect(adaptive).toMatchObject({ strategy: "event", method: "EVENT_BASED", durable: "outbox" });
    expect(adaptive.reason).toContain(high);
    const normal = await waitUntil(async () => {
      const now = await lockstep.call("hybrid_sync_load_check");
      return !now.highLoad && now;
    });
    expect(normal.inputs.unprocessed).toBe(100);
    expect(await lockstep.call("hybrid_sync_adaptive", { key: "a", value: "x" })).toMatchObject({
      strategy: "direct",
      method: "ASYNC_THREAD",
    });
  });
});
