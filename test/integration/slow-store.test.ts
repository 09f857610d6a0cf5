import { expect, it } from "@jest/globals";
import type { Caller } from "../support/lockstep/caller.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Longer than the 2 s that a direct write may take, by more than a busy machine adds. */
const tooSlowMs = 3_500;

/** The late answers of direct writes have come. */
async function untilLanded(lockstep: Caller): Promise<void> {
  await waitUntil(async () => (await lockstep.call("hybrid_sync_stats")).pool.active === 0, {
    what: "the late writes to land",
  });
}

for (const { authority, args, durable } of [
  { authority: "a pinned Redis", args: [], durable: "journal" },
  {
    authority: "an unpinned Redis",
    args: ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"],
    durable: "outbox",
  },
]) {
  describeWith(["redis", "mongodb"], `a slow MongoDB beside ${authority}`, () => {
    const backends = useBackends({ args });

    it(`leaves slow writes in the ${durable}, and their late landing covers nothing newer`, async () => {
      const lockstep = await backends.open({ LOCKSTEP_SYNC_BATCH_SIZE: "1" });
      const keys = ["set later", "deleted later", "left alone"] as const;
      for (const key of keys) await lockstep.call("kv_set", { key, value: "first" });

      await backends.fault.set({
        commands: ["update"],
        namespace: backends.rowsNamespace,
        delayMs: tooSlowMs,
        times: 3,
      });
      const told = await Promise.all(
        keys.map((key) => lockstep.call("kv_set", { key, value: "slow" })),
      );
      const newer = await lockstep.call("kv_set", { key: "set later", value: "newer" });
      const deleted = await lockstep.call("kv_delete", { key: "deleted later" });

      expect(told).toMatchObject(keys.map(() => ({ method: "EVENT_BASED", durable })));
      for (const { latencyMs } of told) expect(latencyMs).toBeLessThan(tooSlowMs - 500);
      expect(newer).toMatchObject({ method: "ASYNC_THREAD", durable: "shadow" });
      expect(deleted).toMatchObject({ method: "ASYNC_THREAD", existed: true });
      await untilLanded(lockstep);
      await backends.untilSynced();
      expect(await backends.rowOf("set later")).toMatchObject({
        lastValue: "newer",
        version: newer.version,
      });
      expect(await backends.rowOf("deleted later")).toMatchObject({
        deleted: true,
        version: deleted.version,
      });
      expect(await backends.rowOf("left alone")).toMatchObject({
        lastValue: "slow",
        version: told[2]?.version,
      });
      expect(await backends.client.mget(...keys)).toEqual(["newer", null, "slow"]);
      expect(await lockstep.call("verify_cache_sync")).toMatchObject({
        overallSyncHealth: "HEALTHY",
      });
    });
  });
}

describeWith(["redis", "mongodb"], "a MongoDB that answers late or not at all", () => {
  const backends = useBackends();

  it("is not waited for while it hangs as a whole, and is caught up with afterwards", async () => {
    const lockstep = await backends.open();
    await lockstep.call("kv_set", { key: "a", value: "first" });

    await backends.mongo.kill("SIGSTOP");
    const hanging = Promise.all([
      lockstep.call("kv_set", { key: "a", value: "second" }),
      lockstep.call("kv_delete", { key: "b" }),
    ]);
    await Promise.allSettled([hanging]);
    await backends.mongo.kill("SIGCONT");

    const told = await hanging;
    expect(told).toMatchObject([
      { method: "EVENT_BASED", durable: "journal" },
      // Nobody could say whether the key was there.
      { method: "EVENT_BASED", durable: "journal", existed: null },
    ]);
    await backends.untilSynced();
    expect(await backends.rowOf("a")).toMatchObject({ lastValue: "second" });
    expect(await backends.rowOf("b")).toMatchObject({ deleted: true, version: told[1].version });
  });

  it("may append an event late, and that covers nothing newer either", async () => {
    const lockstep = await backends.open({
      LOCKSTEP_SYNC_MODE: "event-only",
      LOCKSTEP_SYNC_TIMEOUT_MS: "600",
    });
    await backends.fault.set({ commands: ["insert"], delayMs: 1_500, times: 1 });

    const slow = await lockstep.call("kv_set", { key: "a", value: "slow" });
    const newer = await lockstep.call("kv_set", { key: "a", value: "newer" });

    expect(slow).toMatchObject({ method: "EVENT_BASED", durable: "journal" });
    expect(newer).toMatchObject({ method: "EVENT_BASED", durable: "outbox" });
    const outbox = backends.database.collection("outbox");
    await waitUntil(() => outbox.findOne({ "payload.version": slow.version, processed: true }), {
      what: "the late event to be applied",
    });
    await backends.untilSynced();
    expect(await backends.rowOf("a")).toMatchObject({
      lastValue: "newer",
      version: newer.version,
    });
  });

  it("has its events applied by another process if the one that wrote them was killed", async () => {
    const byEvent = { LOCKSTEP_SYNC_MODE: "event-only", LOCKSTEP_OUTBOX_INTERVAL_MS: "200" };
    const writer = await backends.startProcess(byEvent);
    const namespace = backends.rowsNamespace;
    await backends.fault.set({ commands: ["update"], namespace, errorCode: 96 });

    const told = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        writer.call("kv_set", { key: `k${i % 5}`, value: `${i}` }),
      ),
    );

    expect(told).toMatchObject(told.map(() => ({ method: "EVENT_BASED", durable: "outbox" })));
    expect(await writer.call("verify_cache_sync")).toMatchObject({
      unprocessedOutboxEvents: 20,
      overallSyncHealth: "HEALTHY",
    });
    await writer.kill();
    await backends.fault.lift();
    const other = await backends.open(byEvent);
    await backends.untilSynced();
    const versions = told.map(({ version }) => version);
    for (const { _id, version } of await backends.rows.find().toArray()) {
      const ofKey = versions.filter((_, i) => told[i]?.key === _id);
      expect([_id, version]).toEqual([_id, ofKey.toSorted().at(-1)]);
    }
    expect(await backends.rows.countDocuments()).toBe(5);
    expect(await other.call("verify_cache_sync")).toMatchObject({ overallSyncHealth: "HEALTHY" });
  });
});

describeWith(["redis", "mongodb"], "a write that an unpinned Redis and both ways wait for", () => {
  const args = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"];
  const backends = useBackends({ args });

  it("raises no alarm, and may land after its caller heard that nobody knows", async () => {
    const impatient = { LOCKSTEP_SYNC_TIMEOUT_MS: "600" };
    const writer = await backends.open(impatient);
    const verifier = await backends.open(impatient);
    await writer.call("kv_set", { key: "a", value: "first" });

    await backends.fault.set({ commands: ["update", "insert"], delayMs: 1_600 });
    const slow = writer.call("kv_set", { key: "a", value: "slow" });
    const [report] = await Promise.all([
      verifier.call("verify_cache_sync"),
      expect(slow).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" }),
    ]);

    expect(report.overallSyncHealth).toBe("HEALTHY");
    await backends.fault.lift();
    await untilLanded(writer);
    await backends.untilSynced();
    expect(await writer.call("kv_get", { key: "a" })).toMatchObject({ value: "slow" });
    expect(await verifier.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });
});
