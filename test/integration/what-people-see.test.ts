import { expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { bucketOf } from "../../src/model/bucket.ts";
import { contentHash } from "../../src/model/content-hash.ts";
import { writtenAtMs } from "../../src/model/version.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const HOUR_MS = 3_600_000;

describeWith(["redis", "mongodb"], "what people see of a key in Redis and MongoDB", () => {
  const backends = useBackends();
  const outbox = () => backends.database.collection("outbox");

  it("is the plain value under the key, and one document of kvshadow", async () => {
    const lockstep = await backends.open();

    const { version } = await lockstep.call("kv_set", {
      key: "user:1",
      value: "Ada",
      ttlSec: 3_600,
      sessionId: "session-1",
      interactionId: "turn-7",
    });

    expect(await backends.client.get("user:1")).toBe("Ada");
    const writtenMs = writtenAtMs(version);
    expect(await backends.rowOf("user:1")).toEqual({
      _id: "user:1",
      lastValue: "Ada",
      valueHash: contentHash("Ada"),
      version,
      bucket: bucketOf("user:1"),
      lastWriteAt: new Date(writtenMs),
      expiresAt: new Date(writtenMs + HOUR_MS),
      deleted: false,
      purgeAt: new Date(writtenMs + HOUR_MS + 24 * HOUR_MS),
      sessionId: "session-1",
      interactionId: "turn-7",
      metadata: { syncMethod: "ASYNC_THREAD", syncTimestamp: expect.any(Date) },
    });
    expect(await lockstep.call("verify_key_sync", { key: "user:1" })).toMatchObject({
      verdict: "ok",
      sessionId: "session-1",
      interactionId: "turn-7",
      lastWriteAt: new Date(writtenMs).toISOString(),
    });
  });

  it("is no value and a tombstone after a delete", async () => {
    const lockstep = await backends.open();
    await lockstep.call("kv_set", { key: "user:1", value: "Ada" });

    const deleted = await lockstep.call("kv_delete", { key: "user:1", sessionId: "s" });

    expect(deleted.existed).toBe(true);
    expect(await backends.client.exists("user:1")).toBe(0);
    expect(await backends.rowOf("user:1")).toMatchObject({
      lastValue: null,
      valueHash: "",
      version: deleted.version,
      deleted: true,
      expiresAt: null,
      purgeAt: new Date(writtenAtMs(deleted.version) + 24 * HOUR_MS),
      sessionId: "s",
    });
    for (const key of ["user:1", "never written"]) {
      expect(await lockstep.call("kv_delete", { key })).toMatchObject({ existed: false });
    }
  });

  it("is an unprocessed event and a marker until the projector has applied it", async () => {
    const lockstep = await backends.open({ LOCKSTEP_SYNC_MODE: "event-only" });
    await backends.fault.set({ commands: ["update"], errorCode: 96 });

    const args = { key: "user:1", value: "$$ROOT", sessionId: "session-1" };
    const { version } = await lockstep.call("kv_set", args);

    expect(await outbox().find({ processed: false }).toArray()).toEqual([
      {
        _id: expect.any(mongoose.mongo.ObjectId),
        type: "KVMutated",
        ts: expect.any(Date),
        processed: false,
        payload: {
          op: "set",
          key: "user:1",
          bucket: bucketOf("user:1"),
          value: "$$ROOT",
          version,
          hash: contentHash("$$ROOT"),
          expiresAt: null,
          sessionId: "session-1",
          interactionId: null,
        },
        attempts: 0,
        leaseUntil: null,
        owner: null,
        claim: null,
        processedAt: null,
        state: "waiting",
      },
    ]);
    const pending = `lockstep:p:${bucketOf("user:1")}`;
    const marker = await backends.client.zscore(pending, "user:1");
    expect(Number(marker)).toBe(Number(version.slice(8)));
    expect(await backends.client.pttl("user:1")).toBe(-1);

    await backends.fault.lift();
    await backends.untilSynced();
    expect(await outbox().find().toArray()).toMatchObject([
      { processed: true, processedAt: expect.any(Date), state: "done" },
    ]);
    expect(await backends.rowOf("user:1")).toMatchObject({
      lastValue: "$$ROOT",
      version,
      metadata: { syncMethod: "EVENT_BASED" },
      sessionId: "session-1",
    });
  });

  it("stands in collections that have the documented indexes right after the start", async () => {
    // Also without a Redis, where nothing else would have touched the store yet.
    await backends.open({ REDIS_URL: "" });

    const ofRows = await backends.rows.indexes();
    const ofOutbox = await outbox().indexes();

    expect(ofRows.map(({ key }) => key)).toEqual(
      expect.arrayContaining([{ lastWriteAt: 1 }, { bucket: 1, version: 1 }, { purgeAt: 1 }]),
    );
    expect(ofOutbox.map(({ key }) => key)).toEqual(
      expect.arrayContaining([{ processed: 1, ts: 1 }, { "payload.key": 1 }, { processedAt: 1 }]),
    );
    const expiring = ofOutbox.find(({ key }) => "processedAt" in key);
    expect(expiring?.expireAfterSeconds).toBe((24 * HOUR_MS) / 1000);
  });

  it("is what another program puts there, until it is written again", async () => {
    const lockstep = await backends.open();
    await backends.client.set("theirs", "by redis-cli", "EX", 100);

    expect(await lockstep.call("kv_get", { key: "theirs" })).toMatchObject({
      found: true,
      value: "by redis-cli",
      version: null,
      ttlSec: 100,
      durable: null,
    });
    await lockstep.call("kv_set", { key: "theirs", value: "ours" });
    expect(await backends.client.get("theirs")).toBe("ours");
    expect(await backends.client.ttl("theirs")).toBe(-1);
    await waitUntil(() => backends.rowOf("theirs"));
  });
});
