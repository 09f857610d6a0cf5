import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Shorter than by default, only so that an outage is waited out sooner. */
const impatient = { LOCKSTEP_SYNC_TIMEOUT_MS: "500", LOCKSTEP_OUTBOX_INTERVAL_MS: "500" };

describeWith(["redis", "mongodb"], "MongoDB stopped beside a pinned Redis", () => {
  const backends = useBackends();

  it("lets reads and writes go on, and another process brings all of it over after the writer was killed", async () => {
    const writer = await backends.startProcess(impatient);
    const survivor = await backends.startProcess(impatient);
    await Promise.all(
      ["kept", "replaced", "deleted"].map((key) => writer.call("kv_set", { key, value: "before" })),
    );

    await backends.mongo.stop();
    const told = await Promise.all([
      writer.call("kv_set", { key: "replaced", value: "after", sessionId: "s-1" }),
      writer.call("kv_set", { key: "new", value: "after", ttlSec: 3_600 }),
      writer.call("hybrid_sync_manual", { key: "manual", value: "after" }),
      writer.call("hybrid_sync_adaptive", { key: "adaptive", value: "after" }),
      writer.call("kv_delete", { key: "deleted" }),
      survivor.call("kv_set", { key: "from the other", value: "after" }),
    ]);

    const inJournal = { method: "EVENT_BASED", durable: "journal" };
    expect(told).toMatchObject(told.map(() => inJournal));
    const values = ["kept", "replaced", "new", "deleted"].map((key) =>
      survivor.call("kv_get", { key }),
    );
    expect(await Promise.all(values)).toMatchObject([
      { value: "before", source: "cache", durable: "shadow" },
      { value: "after", source: "cache", durable: "journal" },
      { value: "after", source: "cache", durable: "journal" },
      { found: false, source: "cache" },
    ]);
    const stats = await survivor.call("hybrid_sync_stats");
    expect(stats.unprocessedOutboxEvents).toBeNull();
    const verification = survivor.call("verify_cache_sync");
    await expect(verification).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    // Writes that are under way at the kill may or may not have been made, but not on one side alone.
    const cut = Array.from({ length: 8 }, (_, i) =>
      writer.call("kv_set", { key: `cut ${i}`, value: "perhaps" }),
    );
    const cutShort = Promise.allSettled(cut);
    await waitUntil(async () => (await survivor.call("kv_get", { key: "cut 0" })).found);
    await writer.kill();
    await cutShort;
    await backends.mongo.start();

    await backends.untilSynced();
    const rows = await backends.rows.find().toArray();
    for (const { key, version } of told) {
      expect(rows.find(({ _id }) => _id === key)).toMatchObject({ version });
    }
    for (const { _id, lastValue } of rows) {
      expect([_id, await backends.client.get(_id)]).toEqual([_id, lastValue]);
    }
    expect(await backends.rowOf("replaced")).toMatchObject({ sessionId: "s-1" });
    expect(await survivor.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
      unprocessedOutboxEvents: 0,
      cacheVsShadowSync: { keysChecked: rows.length, counts: { pending: 0 } },
    });
  });
});

describeWith(["redis", "mongodb"], "MongoDB stopped beside an unpinned Redis", () => {
  const args = ["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"];
  const backends = useBackends({ args });

  it("has writes refused, and nothing of them is read then or later", async () => {
    const lockstep = await backends.open();
    for (const key of ["kept", "old", "doomed"]) {
      await lockstep.call("kv_set", { key, value: "before" });
    }

    await backends.mongo.stop();
    const refusals = await Promise.allSettled([
      lockstep.call("kv_set", { key: "old", value: "after" }),
      lockstep.call("kv_set", { key: "new", value: "after" }),
      lockstep.call("kv_delete", { key: "doomed" }),
      lockstep.call("hybrid_sync_manual", { key: "manual", value: "after" }),
    ]);

    const reason = {
      // Refused connections tell at once that nothing was written; a connection that broke under a write does not.
      code: expect.stringMatching(/^(STORE_UNAVAILABLE|UNKNOWN_OUTCOME)$/),
      retryable: true,
      hint: expect.stringMatching(/\w/),
    };
    expect(refusals).toMatchObject(refusals.map(() => ({ status: "rejected", reason })));
    const left = await backends.client.mget("old", "new", "doomed", "manual");
    expect(left).toEqual([null, null, null, null]);
    expect(await lockstep.call("kv_get", { key: "kept" })).toMatchObject({ value: "before" });
    const read = lockstep.call("kv_get", { key: "old" });
    await expect(read).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    await backends.mongo.start();
    await waitUntil(() => lockstep.call("kv_set", { key: "first", value: "after" }), {
      what: "writes to be taken again",
    });
    const values = ["old", "doomed", "new", "manual"].map((key) =>
      lockstep.call("kv_get", { key }),
    );
    expect(await Promise.all(values)).toMatchObject([
      { value: "before" },
      { value: "before" },
      { found: false },
      { found: false },
    ]);
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });
});

describeWith(["redis", "mongodb"], "MongoDB stopped without a Redis", () => {
  const backends = useBackends();

  it("has reads and writes refused, and is worked with again once it is back", async () => {
    const lockstep = await backends.open({ REDIS_URL: "" });
    await lockstep.call("kv_set", { key: "a", value: "before" });

    await backends.mongo.stop();
    const refusals = await Promise.allSettled([
      lockstep.call("kv_get", { key: "a" }),
      lockstep.call("kv_set", { key: "a", value: "after" }),
      lockstep.call("verify_cache_sync"),
    ]);
    await backends.mongo.start();

    const unavailable = { code: expect.stringMatching(/^(STORE_UNAVAILABLE|UNKNOWN_OUTCOME)$/) };
    expect(refusals).toMatchObject(refusals.map(() => ({ reason: unavailable })));
    const { value } = await waitUntil(() => lockstep.call("kv_get", { key: "a" }));
    expect(value).toBe("before");
    expect(await lockstep.call("kv_set", { key: "a", value: "now" })).toMatchObject({
      method: "ASYNC_THREAD",
      durable: "shadow",
    });
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });
});
