import { describe, expect, it } from "@jest/globals";
import { loadSqlite } from "../../../src/store/drivers/sqlite/load-sqlite.ts";
import { closedAfterEach } from "../../contract/closed-after-each.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { openStoreFirstWorld } from "../../support/store-first-world.ts";

describe("StoreFirstReadPath", () => {
  const open = closedAfterEach(() => openStoreFirstWorld());
  const openEdited = closedAfterEach(async () => {
    const world = await openStoreFirstWorld();
    const { DatabaseSync } = await loadSqlite();
    const shell = new DatabaseSync(world.file);
    const close = async () => {
      shell.close();
      await world.close();
    };
    return { ...world, shell, close };
  });

  it("reads a key that is not cached from the store, and from its copy afterwards", async () => {
    const { reads, authority, clock } = await open();
    const written = await authority.write(setOf({ value: "held", ttlMs: 5000 }), { to: "shadow" });
    if (written.outcome !== "written") throw new Error("The write was refused.");

    const found = {
      found: true,
      value: "held",
      version: written.entry.version,
      expiresAtMs: clock.nowMs() + 5000,
      nowMs: clock.nowMs(),
    };
    expect(await reads.read("user:1")).toEqual({ ...found, source: "store", durable: "shadow" });
    expect(await reads.read("user:1")).toEqual({ ...found, source: "cache", durable: null });
  });

  it("serves its own write from the copy at once", async () => {
    const { reads, writes } = await open();
    await writes.write(setOf({ value: "first" }), "direct");
    await writes.write(setOf({ value: "second" }), "direct");

    expect(await reads.read("user:1")).toMatchObject({ value: "second", source: "cache" });
  });

  it("serves no copy once another process has written anything", async () => {
    const { reads, writes, openAnother } = await open();
    await writes.write(setOf({ value: "first" }), "direct");
    const other = await openAnother();
    await other.authority.write(setOf({ value: "second" }), { to: "shadow" });

    expect(await reads.read("user:1")).toMatchObject({ value: "second", source: "store" });
    expect(await reads.read("user:1")).toMatchObject({ value: "second", source: "cache" });
  });

  it("serves a write that only the outbox has, rather than the older row", async () => {
    const { reads, writes, openAnother } = await open();
    await writes.write(setOf({ value: "first" }), "direct");
    const other = await openAnother();
    await other.authority.write(setOf({ value: "second" }), { to: "outbox" });

    expect(await reads.read("user:1")).toMatchObject({ value: "second", durable: "outbox" });
  });

  it("does not find what was never written, has been deleted here or elsewhere, or has expired", async () => {
    const { reads, writes, openAnother, clock } = await open();
    const other = await openAnother();
    await writes.write(setOf({ key: "deleted here" }), "direct");
    await writes.write(deleteOf({ key: "deleted here" }), "direct");
    await writes.write(setOf({ key: "deleted elsewhere" }), "direct");
    await other.authority.write(deleteOf({ key: "deleted elsewhere" }), { to: "outbox" });
    await writes.write(setOf({ key: "expired", ttlMs: 1000 }), "direct");
    await clock.advance(1000);

    for (const key of ["never", "deleted here", "deleted elsewhere", "expired"]) {
      expect(await reads.read(key)).toMatchObject({ found: false });
    }
    expect(await reads.read("expired")).toMatchObject({ found: false, source: "cache" });
  });

  it("keeps no copy of a delete that it reads", async () => {
    const { reads, writes, cache, openAnother } = await open();
    await writes.write(setOf(), "direct");
    const other = await openAnother();
    await other.authority.write(deleteOf(), { to: "shadow" });

    await reads.read("user:1");

    expect(cache.get("user:1")).toBeUndefined();
  });

  it("fails as the store fails", async () => {
    const { reads, store } = await open();
    await store.close();

    await expect(reads.read("user:1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  describe("where the store cannot tell whether anyone else has written", () => {
    const openBlind = closedAfterEach(() =>
      openStoreFirstWorld(() => ({ changeStamp: () => undefined })),
    );

    it("asks the store every time", async () => {
      const { reads, writes } = await openBlind();
      await writes.write(setOf({ value: "held" }), "direct");

      for (let i = 0; i < 2; i += 1) {
        expect(await reads.read("user:1")).toMatchObject({ value: "held", source: "store" });
      }
    });
  });

  it.each([
    ["was changed", "value = x'6f74686572'"],
    ["was nulled", "value = NULL"],
  ])("refuses a stored value that %s by another hand, and does not copy it", async (_what, set) => {
    const { reads, authority, cache, shell } = await openEdited();
    await authority.write(setOf(), { to: "shadow" });
    await reads.read("user:1");
    shell.exec(`UPDATE kvshadow SET ${set}`);

    await expect(reads.read("user:1")).rejects.toMatchObject({ code: "VALUE_CORRUPT" });
    await expect(reads.readStored("user:1")).rejects.toMatchObject({ code: "VALUE_CORRUPT" });

    expect(cache.get("user:1")).toBeUndefined();
    await authority.write(setOf({ value: "again" }), { to: "shadow" });
    expect(await reads.read("user:1")).toMatchObject({ value: "again" });
  });

  it("finds no value where a tombstone's row was edited", async () => {
    const { reads, authority, shell } = await openEdited();
    await authority.write(deleteOf(), { to: "shadow" });
    shell.exec("UPDATE kvshadow SET value = x'6f74686572'");

    expect(await reads.read("user:1")).toMatchObject({ found: false });
  });
});
