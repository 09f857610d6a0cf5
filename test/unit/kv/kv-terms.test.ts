import { describe, expect, it } from "@jest/globals";
import { KvService } from "../../../src/kv/kv-service.ts";
import type { ReadPath } from "../../../src/kv/read-path.ts";
import type { WritePath } from "../../../src/kv/write-path.ts";
import { LoadDetector } from "../../../src/load/load-detector.ts";
import { formatVersion, seqOf, type Version } from "../../../src/model/version.ts";
import { closedAfterEach } from "../../contract/closed-after-each.ts";
import { entryOf, versionAt, versionNo } from "../../contract/entries.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { fixedSettings } from "../../support/fixed-settings.ts";
import { openStoreFirstWorld } from "../../support/store-first-world.ts";

async function openCacheFirst() {
  const world = await openCacheFirstWorld();
  const { pool, clock, backlog } = world;
  const load = new LoadDetector({
    pool,
    backlog,
    clock,
    settings: fixedSettings({}),
    hasEventPath: true,
  });
  const kvOf = (writes: WritePath, reads: ReadPath) =>
    new KvService({ writes, reads, load, limits: { keyMaxBytes: 64, valueMaxBytes: 64 } });
  return { ...world, kvOf, kv: kvOf(world.writes, world.reads) };
}

const next = (version: Version) => formatVersion(1, seqOf(version) + 1);

describe("what a write may ask for", () => {
  it("is a condition, judged on sets and deletes, adaptive and direct", async () => {
    const { kv } = await openCacheFirst();
    const { version } = await kv.set({ key: "a", value: "1", ifAbsent: true });
    const conflict = { code: "VERSION_CONFLICT" };
    const ifVersion = next(version);

    await expect(kv.set({ key: "a", value: "2", ifAbsent: true })).rejects.toMatchObject(conflict);
    await expect(kv.setDirect({ key: "a", value: "2", ifVersion })).rejects.toMatchObject(conflict);
    await expect(kv.delete({ key: "a", ifVersion })).rejects.toMatchObject(conflict);
    await expect(kv.deleteDirect({ key: "a", ifVersion })).rejects.toMatchObject(conflict);

    expect(await kv.delete({ key: "a", ifVersion: version })).toMatchObject({ existed: true });
  });

  it("is an idempotency key, and then a repeated delete is the first one", async () => {
    const { kv } = await openCacheFirst();
    const request = { key: "a", idempotencyKey: "id" };
    await kv.set({ key: "a", value: "1" });
    const first = await kv.delete(request);
    await kv.set({ key: "a", value: "2" });

    const again = await kv.delete(request);

    expect(again).toMatchObject({ version: first.version, existed: null });
    expect(await kv.get("a")).toMatchObject({ value: "2" });
  });

  it("is refused before anything is touched where it makes no sense", async () => {
    const { kv, calls } = await openCacheFirst();
    const version = versionNo(1);

    for (const terms of [
      { ifVersion: "1" },
      { ifVersion: `${version}0` },
      { ifVersion: version, ifAbsent: true },
      { idempotencyKey: "\ud800" },
      { idempotencyKey: "k".repeat(257) },
    ]) {
      await expect(kv.set({ key: "a", value: "1", ...terms })).rejects.toMatchObject({
        code: "INPUT_INVALID",
      });
    }
    await expect(kv.get("a", "1")).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(calls).toEqual([]);
  });
});

describe("minVersion, cache first", () => {
  it("is content with a cache that has that version or a later one, and with its deletes", async () => {
    const { kv, calls } = await openCacheFirst();
    const first = await kv.set({ key: "a", value: "1" });
    const second = await kv.set({ key: "a", value: "2" });
    calls.splice(0);

    for (const { version } of [first, second]) {
      expect(await kv.get("a", version)).toMatchObject({ value: "2", source: "cache" });
    }
    const deleted = await kv.delete({ key: "a" });
    expect(await kv.get("a", deleted.version)).toMatchObject({ found: false, source: "cache" });
    expect(calls).not.toContain("store.get");
  });

  it("passes over a cache that is behind: row or event, whichever is newer, answers", async () => {
    const { kv, past, clock } = await openCacheFirst();
    await kv.set({ key: "a", value: "old" });
    const ahead = versionAt(clock.nowMs() + 1000);
    await past.store.applyNewer(
      [entryOf({ key: "a", version: ahead, value: "row" })],
      "EVENT_BASED",
    );

    const ofRow = await kv.get("a", ahead);
    await past.outbox.append([entryOf({ key: "a", version: next(ahead), value: "event" })]);
    const ofEvent = await kv.get("a", next(ahead));

    expect(ofRow).toMatchObject({ value: "row", version: ahead, source: "store" });
    expect(ofEvent).toMatchObject({ value: "event", version: next(ahead), durable: "outbox" });
    expect(await kv.get("a")).toMatchObject({ value: "old" });
  });

  it("passes over a value that has no version", async () => {
    const { kv, redis } = await openCacheFirst();
    const { version } = await kv.set({ key: "a", value: "ours" });
    redis.metas.delete("a");
    redis.set("a", "foreign");

    expect(await kv.get("a", version)).toMatchObject({ value: "ours", source: "store" });
  });

  it("fails, to be tried again, where neither side has got there", async () => {
    const { kv } = await openCacheFirst();
    const { version } = await kv.set({ key: "a", value: "1" });

    await expect(kv.get("a", next(version))).rejects.toMatchObject({
      code: "VERSION_NOT_REACHED",
      message: expect.stringContaining(version),
    });
    await expect(kv.get("never", version)).rejects.toMatchObject({ code: "VERSION_NOT_REACHED" });
  });
});

describe("minVersion, store first", () => {
  const open = closedAfterEach(openStoreFirstWorld);

  it("is answered by the store where the copy is older", async () => {
    const { writes, reads, authority } = await open();
    const { kvOf } = await openCacheFirst();
    const kv = kvOf(writes, reads);
    const { version } = await kv.set({ key: "a", value: "1" });
    const aside = await authority.current("a");

    expect(await kv.get("a", version)).toMatchObject({ source: "cache", version });
    await expect(kv.get("a", next(aside!.entry.version))).rejects.toMatchObject({
      code: "VERSION_NOT_REACHED",
    });
    const deleted = await kv.delete({ key: "a" });
    expect(await kv.get("a", deleted.version)).toMatchObject({ found: false });
  });
});
