import { describe, expect, it } from "@jest/globals";
import type { Redis } from "ioredis";
import type { KeyChange, KeyContent, ModelKeysPort } from "../../src/cache/model-keys-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";

export interface ModelKeysHarness {
  readonly keys: ModelKeysPort;
  /** An application on the same, empty database. */
  readonly client: Redis;
  readonly close: () => Promise<void>;
}

const STRING = { type: "string" } as const;
const WHOLE = { type: "hash", fields: undefined } as const;
const SOME = { type: "hash", fields: ["a", "b"] } as const;
const LOCK = { name: "lock:m:1", token: "t" };

/** Every sentence of model-keys-port.ts, as a claim about one driver. */
export function describeModelKeysContract(
  name: string,
  openHarness: () => Promise<ModelKeysHarness>,
): void {
  describe(`${name} as keeper of applications' keys`, () => {
    const open = closedAfterEach(openHarness);

    it("reads what is at each key, in their order", async () => {
      const { keys, client } = await open();
      await client.set("s", Buffer.from([0xff, 0]));
      await client.hset("h", { a: "1", c: "é" });
      await client.lpush("l", "x");

      expect(await keys.readMany(["l", "s", "none", "h"], STRING)).toEqual([
        { type: "other", name: "list" },
        text(Buffer.from([0xff, 0])),
        { type: "none" },
        { type: "other", name: "hash" },
      ]);
      expect(await keys.readMany(["h", "s", "none"], WHOLE)).toEqual([
        hash({ a: "1", c: "é" }),
        { type: "other", name: "string" },
        { type: "none" },
      ]);
      expect(await keys.readMany(["h"], SOME)).toEqual([hash({ a: "1" })]);
      expect(await keys.readMany([], STRING)).toEqual([]);
    });

    it("tells Lockstep's own keys, with a value or without, from an application's", async () => {
      const { keys, client } = await open();
      await client.mset("s", "1", "lockstep:m:s", "meta", "lockstep:m:deleted", "meta", "t", "2");
      await client.hset("h", { a: "1" });

      expect(await keys.readMany(["t", "s", "deleted", "none", "h"], STRING)).toEqual([
        text("2"),
        { type: "lockstep" },
        { type: "lockstep" },
        { type: "none" },
        { type: "other", name: "hash" },
      ]);
      expect(await keys.readMany(["h", "s"], WHOLE)).toEqual([
        hash({ a: "1" }),
        { type: "lockstep" },
      ]);
    });

    it("takes a hash for another's that holds bytes which are no text", async () => {
      const { keys, client } = await open();
      await client.hset("h", "a", Buffer.from([0xff]));

      for (const shape of [WHOLE, SOME])
        expect(await keys.readMany(["h"], shape)).toEqual([
          { type: "other", name: "hash of bytes" },
        ]);
    });

    it("finds every key of a pattern, page by page, and no other", async () => {
      const { keys, client } = await open();
      const wanted = Array.from({ length: 50 }, (_, at) => `u*:${at}`);
      for (const key of wanted) await client.mset(key, "", `v${key}`, "");
      const found = new Set<string>();
      let cursor: string | undefined;
      do {
        const page = await keys.scan({ pattern: "u\\*:*", cursor, looked: 10 });
        for (const key of page.keys) found.add(key);
        cursor = page.cursor;
      } while (cursor !== undefined);

      expect([...found].sort()).toEqual(wanted.sort());
      expect(await keys.count()).toBe(100);
    });

    it("begins a scan anew whose cursor is of another life of the server", async () => {
      const { keys, client } = await open();
      await client.set("u:1", "");

      const page = await keys.scan({ pattern: "u:*", cursor: "12345@another:life", looked: 100 });

      expect(page).toEqual({ keys: ["u:1"], cursor: undefined });
    });

    it("takes a lock that nobody holds, for a time, and gives back only its own", async () => {
      const { keys, client } = await open();
      await client.set("lock:m:2", "an application's");

      expect(await keys.lockMany([LOCK, { name: "lock:m:2", token: "t" }], 60_000)).toEqual([
        true,
        false,
      ]);
      expect(await keys.lockMany([{ ...LOCK, token: "u" }], 60_000)).toEqual([false]);
      expect(await client.get("lock:m:1")).toBe("t");
      expect(await client.pttl("lock:m:1")).toBeGreaterThan(0);

      await keys.unlockMany([
        { ...LOCK, token: "u" },
        { name: "lock:m:2", token: "t" },
      ]);
      expect(await client.exists("lock:m:1", "lock:m:2")).toBe(2);
      await keys.unlockMany([LOCK]);
      expect(await client.exists("lock:m:1")).toBe(0);
    });

    it.each<[string, KeyContent, KeyContent, KeyContent]>([
      ["writes a string where nothing was", { type: "none" }, text("new"), text("new")],
      ["replaces a string", text("old"), text("new"), text("new")],
      ["replaces one that is empty", text(""), text("new"), text("new")],
      ["removes a string", text("old"), { type: "none" }, { type: "none" }],
    ])("%s, and runs again on a server that has lost its scripts", async (_, seen, next, after) => {
      const { keys, client } = await open();
      if (seen.type === "string") await client.set("k", seen.bytes);
      await client.set(LOCK.name, LOCK.token);
      await client.script("FLUSH");

      expect(await keys.changeMany([changeOf({ seen, next })], STRING)).toEqual(["changed"]);
      expect(await keys.readMany(["k"], STRING)).toEqual([after]);
    });

    it.each<[string, KeyContent, string]>([
      ["was written since", text("other"), "moved"],
      ["has come since", { type: "none" }, "moved"],
    ])("leaves a string that %s", async (_, seen, outcome) => {
      const { keys, client } = await open();
      await client.mset("k", "is", LOCK.name, LOCK.token);

      expect(await keys.changeMany([changeOf({ seen, next: text("new") })], STRING)).toEqual([
        outcome,
      ]);
      expect(await client.get("k")).toBe("is");
    });

    it("changes nothing that has gone, or has another type, since it was seen", async () => {
      const { keys, client } = await open();
      await client.set(LOCK.name, LOCK.token);
      const next = text("new");

      expect(await keys.changeMany([changeOf({ seen: text("was"), next })], STRING)).toEqual([
        "moved",
      ]);
      await client.lpush("k", "x");
      expect(await keys.changeMany([changeOf({ seen: { type: "none" }, next })], STRING)).toEqual([
        "moved",
      ]);
      expect(
        await keys.changeMany(
          [changeOf({ seen: { type: "none" }, next: hash({ a: "1" }) })],
          WHOLE,
        ),
      ).toEqual(["moved"]);
      expect(await client.type("k")).toBe("list");
    });

    it("changes nothing that has become Lockstep's own since it was seen", async () => {
      const { keys, client } = await open();
      await client.mset("k", "old", "lockstep:m:k", "meta", LOCK.name, LOCK.token);

      for (const next of [text("new"), { type: "none" }] as const) {
        const change = changeOf({ seen: text("old"), next });
        expect(await keys.changeMany([change], STRING)).toEqual(["lockstep"]);
      }
      expect(await client.get("k")).toBe("old");

      await client.del("k");
      await client.hset("k", { a: "1" });
      for (const next of [hash({ a: "2" }), { type: "none" }] as const) {
        for (const shape of [WHOLE, SOME]) {
          const change = changeOf({ seen: hash({ a: "1" }), next });
          expect(await keys.changeMany([change], shape)).toEqual(["lockstep"]);
        }
      }
      expect(await client.hgetall("k")).toEqual({ a: "1" });
    });

    it("changes nothing without its lock", async () => {
      const { keys, client } = await open();
      const change = changeOf({ seen: { type: "none" }, next: text("new") });

      expect(await keys.changeMany([change], STRING)).toEqual(["unlocked"]);
      await client.set(LOCK.name, "another's");
      expect(await keys.changeMany([change], STRING)).toEqual(["unlocked"]);
      expect(await keys.changeMany([{ ...change, next: hash({ a: "1" }) }], WHOLE)).toEqual([
        "unlocked",
      ]);
      expect(await client.exists("k")).toBe(0);
    });

    it("sets the TTL that it is told, and else leaves the one there is", async () => {
      const { keys, client } = await open();
      await client.set(LOCK.name, LOCK.token);
      for (const { shape, seen, next } of [
        { shape: STRING, seen: text("old"), next: text("new") },
        { shape: WHOLE, seen: hash({ a: "1" }), next: hash({ a: "2" }) },
        { shape: SOME, seen: hash({ a: "1" }), next: hash({ a: "2" }) },
      ]) {
        const put = async () => {
          await client.del("k");
          if (seen.type === "string") await client.set("k", seen.bytes);
          if (seen.type === "hash") await client.hset("k", seen.fields);
        };
        await put();
        await keys.changeMany([changeOf({ seen, next })], shape);
        expect(await client.pttl("k")).toBe(-1);
        await put();
        await client.expire("k", 10_000);
        await keys.changeMany([changeOf({ seen, next })], shape);
        expect(await client.ttl("k")).toBeGreaterThan(5_000);
        await put();
        await keys.changeMany([changeOf({ seen, next, ttlMs: 50_000_000 })], shape);
        expect(await client.ttl("k")).toBeGreaterThan(40_000);
      }
    });

    it("replaces a whole hash, and of one that is not all ours the declared fields", async () => {
      const { keys, client } = await open();
      await client.set(LOCK.name, LOCK.token);
      await client.hset("k", { a: "1", b: "2", c: "3" });

      const some = changeOf({ seen: hash({ a: "1", b: "2" }), next: hash({ a: "9" }) });
      expect(await keys.changeMany([some], SOME)).toEqual(["changed"]);
      expect(await client.hgetall("k")).toEqual({ a: "9", c: "3" });
      expect(await keys.changeMany([some], SOME)).toEqual(["moved"]);

      const all = changeOf({ seen: hash({ c: "3", a: "9" }), next: hash({ d: "é" }) });
      expect(await keys.changeMany([{ ...all, seen: hash({ a: "9" }) }], WHOLE)).toEqual(["moved"]);
      expect(await keys.changeMany([all], WHOLE)).toEqual(["changed"]);
      expect(await client.hgetall("k")).toEqual({ d: "é" });

      const none = changeOf({ seen: hash({ d: "é" }), next: { type: "none" } });
      expect(await keys.changeMany([none], WHOLE)).toEqual(["changed"]);
      expect(await client.exists("k")).toBe(0);
    });

    it("fails once it is closed", async () => {
      const { keys } = await open();
      await keys.close();

      await expect(keys.count()).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });
    });
  });
}

function changeOf(
  change: Pick<KeyChange, "seen" | "next"> & { readonly ttlMs?: number },
): KeyChange {
  return { key: "k", lock: LOCK, ttlMs: undefined, ...change };
}

function text(value: string | Buffer): KeyContent {
  return { type: "string", bytes: Buffer.from(value) };
}

function hash(fields: Readonly<Record<string, string>>): KeyContent {
  return { type: "hash", fields: new Map(Object.entries(fields)) };
}
