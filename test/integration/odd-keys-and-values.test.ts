import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";

const oddValues = [
  "",
  `"double" and 'single' \\ quotes`,
  "two\nlines\r\nand a tab\t",
  "before\0after",
  "🦊 naïve Ω 漢字 \u{1F468}\u200D\u{1F469}",
  "$set",
  "$$ROOT",
  `{"$set": {"deleted": true}}`,
  "x".repeat(1024 * 1024),
  "\u{1F98A}".repeat(256 * 1024),
];

const oddKeys = [
  "{braces}",
  "a}b",
  "{}x",
  " two words ",
  "*",
  "user:[0-9]?",
  "back\\slash",
  "in the middle lockstep:m:x",
  "nul\0key",
  "$where",
  "_id.with.dots",
  "🦊",
  "k".repeat(1_024),
];

const pairs = [
  ...oddValues.map((value, i) => ({ key: `value ${i}`, value })),
  ...oddKeys.map((key) => ({ key, value: `under ${key}` })),
];
const everyKey = pairs.map(({ key }) => key);

describeWith(["redis", "mongodb"], "odd keys and values", () => {
  const backends = useBackends();
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-odd-"));
  });

  afterAll(() => rm(folder, { recursive: true }));

  it.each(["mongodb", "sqlite"] as const)(
    "are the same to the byte in cache, store and answers (%s)",
    async (store) => {
      const sqlite = { MONGODB_URI: "", LOCKSTEP_SQLITE_FILE: join(folder, "odd.db") };
      const lockstep = await backends.open(store === "sqlite" ? sqlite : {});
      await Promise.all(pairs.map((pair) => lockstep.call("kv_set", pair)));

      // Collected, since a failed comparison of a mebibyte would fill the screen.
      const wrong: string[] = [];
      for (const { key, value } of pairs) {
        const read = await lockstep.call("kv_get", { key });
        const verified = await lockstep.call("verify_key_sync", { key });
        const plain = await backends.client.getBuffer(key);
        if (read.value !== value) wrong.push(`read: ${key}`);
        if (verified.verdict !== "ok") wrong.push(`${verified.verdict}: ${key}`);
        if (verified.shadowValue !== value) wrong.push(`stored: ${key}`);
        if (plain?.equals(Buffer.from(value)) !== true) wrong.push(`cached: ${key}`);
      }
      expect(wrong).toEqual([]);

      await backends.client.del(...everyKey, ...everyKey.map((key) => `lockstep:m:${key}`));
      for (const { key, value } of pairs) {
        const read = await lockstep.call("kv_get", { key });
        if (read.value !== value || read.source !== "store") wrong.push(`read back: ${key}`);
      }
      expect(wrong).toEqual([]);
      expect(await lockstep.call("verify_cache_sync")).toMatchObject({
        overallSyncHealth: "HEALTHY",
        cacheVsShadowSync: { counts: { ok: pairs.length } },
      });

      for (const key of everyKey) await lockstep.call("kv_delete", { key });
      expect(await backends.client.exists(...everyKey)).toBe(0);
      expect(await lockstep.call("verify_cache_sync")).toMatchObject({
        overallSyncHealth: "HEALTHY",
        cacheVsShadowSync: { counts: { deleted: pairs.length } },
      });
    },
  );

  it.each([
    { prefix: "a*b:", expected: ["a*b:1", "a*b:2"] },
    { prefix: "a[x]", expected: ["a[x]:1"] },
    { prefix: "a?", expected: ["a?c"] },
    { prefix: "\\", expected: ["\\d"] },
    { prefix: "lock", expected: [] },
  ])("are found by a prefix that is text and no pattern: $prefix", async ({ prefix, expected }) => {
    const lockstep = await backends.open();
    for (const key of ["a*b:1", "a*b:2", "axb:1", "a[x]:1", "a?c", "\\d"]) {
      await lockstep.call("kv_set", { key, value: "v" });
    }

    const listed = await lockstep.call("get_cache_ttl_info", { prefix });
    const report = await lockstep.call("verify_cache_sync", { prefix });

    expect(listed.keys.map(({ key }) => key).toSorted()).toEqual(expected);
    expect(listed.total).toBe(expected.length);
    expect(report.cacheVsShadowSync.keysChecked).toBe(expected.length);
  });

  it("of another Redis type are never touched, whatever is asked", async () => {
    const lockstep = await backends.open();
    await lockstep.call("kv_set", { key: "was ours", value: "mine" });
    await backends.client.del("was ours");

    for (const key of ["was ours", "theirs"]) {
      await backends.client.rpush(key, "one", "two");
      for (const [tool, args] of [
        ["kv_set", { key, value: "v" }],
        ["hybrid_sync_manual", { key, value: "v" }],
        ["hybrid_sync_adaptive", { key, value: "v" }],
        ["kv_delete", { key }],
        ["hybrid_sync_delete", { key }],
        ["kv_get", { key }],
      ] as const) {
        await expect(lockstep.call(tool, args)).rejects.toMatchObject({
          code: "KEY_WRONG_TYPE",
          retryable: false,
          hint: expect.stringContaining("another Redis type"),
        });
      }
      for (const strategy of ["auto", "cache", "store", "newest"]) {
        const repair = await lockstep.call("force_sync_repair", { key, strategy });
        expect(repair).toMatchObject({ action: "none", undo: null });
      }
      expect(await backends.client.lrange(key, 0, -1)).toEqual(["one", "two"]);
    }
    expect(await backends.rowOf("was ours")).toMatchObject({ lastValue: "mine" });
    expect(await backends.rowOf("theirs")).toBeNull();
    const { cacheVsShadowSync } = await lockstep.call("verify_cache_sync");
    expect(cacheVsShadowSync.mismatches).toEqual([{ key: "was ours", class: "changed_outside" }]);
    expect(cacheVsShadowSync.counts.unmanaged).toBe(1);
  });

  it("that are no text in Redis are told, and can be overwritten", async () => {
    const lockstep = await backends.open();
    await lockstep.call("kv_set", { key: "a", value: "text" });
    await backends.client.set("a", Buffer.from([0xff, 0xfe, 0x00]));

    const refusal = { code: "VALUE_NOT_TEXT", hint: expect.stringContaining("kv_set") };
    await expect(lockstep.call("kv_get", { key: "a" })).rejects.toMatchObject(refusal);
    const repair = lockstep.call("force_sync_repair", { key: "a" });
    await expect(repair).rejects.toMatchObject(refusal);
    expect(await lockstep.call("verify_key_sync", { key: "a" })).toMatchObject({
      verdict: "changed_outside",
      shadowValue: "text",
    });
    await lockstep.call("kv_set", { key: "a", value: "text again" });
    expect(await lockstep.call("verify_key_sync", { key: "a" })).toMatchObject({ verdict: "ok" });

    await backends.client.set("a", Buffer.from([0xff, 0xfe, 0x00]));
    expect(await lockstep.call("force_sync_repair", { key: "a", strategy: "store" })).toMatchObject(
      { action: "follow_store", after: { verdict: "ok" }, undo: null },
    );
    expect(await lockstep.call("kv_get", { key: "a" })).toMatchObject({ value: "text again" });
  });
});
