import { describe, expect, it } from "@jest/globals";
import { TtlLister } from "../../../src/kv/ttl-lister.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";

async function openWorld() {
  const world = await openCacheFirstWorld();
  const lister = new TtlLister(world.ports.cache);
  const signal = new AbortController().signal;
  return {
    ...world,
    list: (wanted: { prefix?: string; limit?: number; cursor?: string; signal?: AbortSignal }) =>
      lister.list({ limit: 100, expiringWithinMs: 5000, signal, ...wanted }),
  };
}

/** Every key that the answers name, page after page. */
async function listAll(
  list: Awaited<ReturnType<typeof openWorld>>["list"],
  limit: number,
): Promise<{ readonly keys: readonly string[]; readonly pages: number }> {
  const keys: string[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const page = await list({ limit, ...(cursor === null ? {} : { cursor }) });
    keys.push(...page.keys.map(({ key }) => key));
    cursor = page.cursor;
    pages += 1;
  } while (cursor !== null);
  return { keys, pages };
}

describe("TtlLister", () => {
  it("lists those closest to their end first, those without one last, and marks what ends soon", async () => {
    const { list, past } = await openWorld();
    for (const [key, ttlMs] of [
      ["later", 5001],
      ["never", null],
      ["soon", 5000],
      ["now", 1],
    ] as const) {
      await past.cache.write(setOf({ key, ttlMs }));
    }

    expect(await list({})).toEqual({
      keys: [
        { key: "now", ttlMs: 1, expiring: true },
        { key: "soon", ttlMs: 5000, expiring: true },
        { key: "later", ttlMs: 5001, expiring: false },
        { key: "never", ttlMs: null, expiring: false },
      ],
      total: 4,
      cursor: null,
    });
  });

  it.each([1, 7, 100, 499, 500, 501, 1200])(
    "names every key exactly once over answers of at most %d",
    async (limit) => {
      const { list, redis } = await openWorld();
      const count = limit === 1 ? 30 : 1200;
      const wanted = Array.from({ length: count }, (_, i) => `key:${i}`);
      for (const key of wanted) redis.set(key, "value");

      const { keys, pages } = await listAll(list, limit);

      expect(keys.toSorted()).toEqual(wanted.toSorted());
      expect(pages).toBe(Math.ceil(count / limit));
    },
  );

  it("counts all keys under the prefix, taken literally, whatever the limit", async () => {
    const { list, redis } = await openWorld();
    for (const key of ["a*1", "a*2", "a*3", "ab"]) redis.set(key, "value");

    const page = await list({ prefix: "a*", limit: 2 });

    expect(page.keys.map(({ key }) => key)).toEqual(["a*1", "a*2"]);
    expect(page).toMatchObject({ total: 3, cursor: expect.any(String) });
  });

  it("counts them once in a listing, and not for each answer", async () => {
    const { list, redis, calls } = await openWorld();
    for (let i = 0; i < 1500; i += 1) redis.set(`key:${i}`, "value");
    const first = await list({ limit: 100 });
    calls.length = 0;

    const second = await list({ limit: 100, cursor: first.cursor ?? "" });

    expect([first.total, second.total]).toEqual([1500, 1500]);
    expect(calls).toEqual(["cache.scan", "cache.timesToLive"]);
  });

  it("leaves out keys that have no value: deleted ones, and those that are only marked", async () => {
    const { list, past, redis } = await openWorld();
    await past.cache.write(deleteOf({ key: "deleted" }));
    await past.cache.write(setOf({ key: "removed" }));
    redis.del("removed");
    redis.set("there", "value");

    const { keys, total } = await list({});

    expect(keys.map(({ key }) => key)).toEqual(["there"]);
    expect(total).toBe(1);
  });

  it("leaves out a value that has expired and still stands there, in the count too", async () => {
    const { list, past, clock } = await openWorld();
    await past.cache.write(setOf({ key: "expired", ttlMs: 1000 }));
    await past.cache.write(setOf({ key: "lives", ttlMs: 1001 }));
    await clock.advance(1000);

    const whole = await list({});
    const first = await list({ limit: 1 });

    expect(whole.keys).toEqual([{ key: "lives", ttlMs: 1, expiring: true }]);
    expect([whole.total, first.total]).toEqual([1, 1]);
  });

  it("names a key once that one scan shows twice", async () => {
    const { list, redis, steered } = await openWorld();
    redis.set("a", "value");
    steered.cache.on("scan", async () => ({ keys: ["a", "a"], cursor: undefined }));

    expect((await list({})).keys).toHaveLength(1);
  });

  it.each([
    ["empty text", ""],
    ["some text", "next"],
    ["no list", encoded(5)],
    ["nothing", encoded(null)],
    ["a list of another kind", encoded([1, 0, 5])],
    ["a negative place", encoded([null, -1, 5])],
    ["half a place", encoded([null, 0.5, 5])],
    ["a place without a count", encoded([null, 0])],
    ["no place at all", encoded([null])],
  ])("refuses a cursor that is %s", async (_what, cursor) => {
    const { list } = await openWorld();

    await expect(list({ cursor })).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("stops when it is cancelled", async () => {
    const { list } = await openWorld();

    await expect(list({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
  });
});

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
