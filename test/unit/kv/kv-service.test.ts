import { describe, expect, it } from "@jest/globals";
import { ID_MAX_BYTES, KvService, type SetRequest } from "../../../src/kv/kv-service.ts";
import { LoadDetector } from "../../../src/load/load-detector.ts";
import { contentHash } from "../../../src/model/content-hash.ts";
import type { ErrorCode } from "../../../src/model/error-table.ts";
import type { SyncMode } from "../../../src/model/sync-settings.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { fixedSettings } from "../../support/fixed-settings.ts";
import { deferred } from "../../support/steer.ts";

const LIMITS = { keyMaxBytes: 12, valueMaxBytes: 16 };

async function openWorld({ mode = "hybrid" }: { mode?: SyncMode } = {}) {
  const world = await openCacheFirstWorld({ concurrency: 1 });
  const { pool, clock, writes, reads, backlog } = world;
  const settings = fixedSettings({ mode });
  const load = new LoadDetector({ pool, backlog, clock, settings, hasEventPath: true });
  return { ...world, kv: new KvService({ writes, reads, load, limits: LIMITS }) };
}

describe("KvService", () => {
  it("writes straight to the shadow under normal load, and says which way and why", async () => {
    const { kv, past } = await openWorld();

    const receipt = await kv.set({ key: "user:1", value: "held", sessionId: "s" });

    expect(receipt).toMatchObject({
      key: "user:1",
      method: "ASYNC_THREAD",
      durable: "shadow",
      strategy: "direct",
      reason: "Normal load: no threshold is passed.",
    });
    expect(await past.store.get("user:1")).toMatchObject({
      value: "held",
      hash: contentHash("held"),
      sessionId: "s",
      interactionId: null,
    });
  });

  it("goes through an event under high load, unless it is told to go direct", async () => {
    const { kv, pool } = await openWorld();
    const gate = deferred();
    const busy = pool.run(() => gate.promise, { limitMs: 60_000 });

    const adaptive = await kv.set({ key: "a", value: "1" });
    const deleted = await kv.delete({ key: "b" });
    const direct = kv.setDirect({ key: "c", value: "1" });
    gate.resolve();

    expect(adaptive).toMatchObject({ method: "EVENT_BASED", strategy: "event" });
    expect(deleted).toMatchObject({ method: "EVENT_BASED", strategy: "event" });
    expect(await direct).toMatchObject({ method: "ASYNC_THREAD" });
    expect(await kv.deleteDirect({ key: "c" })).toMatchObject({ method: "ASYNC_THREAD" });
    await busy;
  });

  it("goes direct in event-only mode only where it is told to", async () => {
    const { kv } = await openWorld({ mode: "event-only" });

    expect(await kv.set({ key: "a", value: "1" })).toMatchObject({ method: "EVENT_BASED" });
    expect(await kv.setDirect({ key: "b", value: "1" })).toMatchObject({ method: "ASYNC_THREAD" });
  });

  it("reads what it wrote and not what it deleted", async () => {
    const { kv } = await openWorld();
    await kv.set({ key: "a", value: "1", ttlMs: 5000 });
    const written = await kv.get("a");

    const { existed } = await kv.delete({ key: "a" });

    expect(written).toMatchObject({ found: true, value: "1", source: "cache" });
    expect(existed).toBe(true);
    expect(await kv.get("a")).toMatchObject({ found: false });
  });

  it("says whether a deleted key was there, in the cache, in the shadow alone, or nowhere", async () => {
    const { kv, redis } = await openWorld();
    await kv.set({ key: "evicted", value: "1" });
    redis.values.delete("evicted");
    redis.metas.delete("evicted");

    expect((await kv.delete({ key: "evicted" })).existed).toBe(true);
    expect((await kv.delete({ key: "evicted" })).existed).toBe(false);
    expect((await kv.delete({ key: "never" })).existed).toBe(false);
  });

  describe("what it refuses, before anything is touched", () => {
    const fine: SetRequest = { key: "user:1", value: "held" };
    const BAD: readonly (readonly [string, Partial<SetRequest>, ErrorCode])[] = [
      ["an empty key", { key: "" }, "INPUT_INVALID"],
      ["a key that is too long", { key: "k".repeat(13) }, "INPUT_INVALID"],
      ["a key of few characters and too many bytes", { key: "😀😀😀😀" }, "INPUT_INVALID"],
      ["a key with half a character", { key: "a\ud83d" }, "INPUT_INVALID"],
      ["a key of the server's own", { key: "lockstep:m" }, "KEY_RESERVED"],
      ["a value that is too long", { value: "v".repeat(17) }, "VALUE_TOO_LARGE"],
      ["a value of few characters and too many bytes", { value: "😀😀😀😀é" }, "VALUE_TOO_LARGE"],
      ["a value with half a character", { value: "\udc00" }, "INPUT_INVALID"],
      ["a session id with half a character", { sessionId: "\ud800" }, "INPUT_INVALID"],
      ["a session id that is too long", { sessionId: "s".repeat(257) }, "INPUT_INVALID"],
      [
        "an interaction id of few characters and too many bytes",
        { interactionId: "é".repeat(129) },
        "INPUT_INVALID",
      ],
    ];

    it.each(BAD)("%s", async (_what, wrong, code) => {
      const { kv, calls } = await openWorld();
      const request = { ...fine, ...wrong };

      await expect(kv.set(request)).rejects.toMatchObject({ code });
      await expect(kv.setDirect(request)).rejects.toMatchObject({ code });

      expect(calls).toEqual([]);
    });

    it.each(BAD.filter(([, wrong]) => wrong.value === undefined))(
      "%s, to delete",
      async (_what, wrong, code) => {
        const { kv, calls } = await openWorld();
        const { value: _value, ...request } = { ...fine, ...wrong };

        await expect(kv.delete(request)).rejects.toMatchObject({ code });
        await expect(kv.deleteDirect(request)).rejects.toMatchObject({ code });

        expect(calls).toEqual([]);
      },
    );

    it.each(BAD.filter(([, wrong]) => wrong.key !== undefined))(
      "%s, to read",
      async (_what, wrong, code) => {
        const { kv, calls } = await openWorld();

        await expect(kv.get(wrong.key!)).rejects.toMatchObject({ code });

        expect(calls).toEqual([]);
      },
    );
  });

  it("takes keys, values and ids up to their last byte, and an empty value", async () => {
    const { kv } = await openWorld();
    const key = "😀".repeat(3);
    const value = "😀".repeat(4);

    await kv.set({ key, value, sessionId: "é".repeat(ID_MAX_BYTES / 2) });
    await kv.set({ key: "x:lockstep:", value: "" });

    expect(await kv.get(key)).toMatchObject({ found: true, value });
    expect(await kv.get("x:lockstep:")).toMatchObject({ found: true, value: "" });
  });
});
