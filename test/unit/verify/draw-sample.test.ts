import { describe, expect, it } from "@jest/globals";
import { drawSample } from "../../../src/verify/draw-sample.ts";
import { setOf } from "../../contract/commands.ts";
import { entryOf } from "../../contract/entries.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

/** Rows "row:<n>", of which the first `both` are cached too, and values "only:<n>" that only the cache has. */
async function openWorld({ rows = 0, both = 0, only = 0 }) {
  const world = await openCacheFirstWorld();
  const { past, redis } = world;
  const names = Array.from({ length: rows }, (_, at) => `row:${String(at).padStart(5, "0")}`);
  await past.store.applyNewer(
    names.map((key) => entryOf({ key })),
    "ASYNC_THREAD",
  );
  for (const key of names.slice(0, both)) await past.cache.write(setOf({ key }));
  for (let at = 0; at < only; at += 1) redis.set(`only:${at}`, "value");
  const draw = (size: number, prefix = "", random = world.random) =>
    drawSample({ ...past, random }, { prefix, size });
  return { ...world, names, draw };
}

describe("drawSample", () => {
  it("draws nothing where there is nothing, and knows that this is all", async () => {
    const { draw } = await openWorld({});

    expect(await draw(10)).toEqual({
      keys: [],
      storedKeys: [],
      population: 0,
      isAll: true,
    });
  });

  it("takes all keys, each once, where no more than wanted are there", async () => {
    const { draw, names } = await openWorld({ rows: 40, both: 20, only: 10 });

    const { keys, population, isAll } = await draw(50);

    expect(keys.toSorted()).toEqual(
      [...names, ...Array.from({ length: 10 }, (_, at) => `only:${at}`)].toSorted(),
    );
    expect({ population, isAll }).toEqual({ population: 50, isAll: true });
  });

  it("does not take almost all for all", async () => {
    const { draw } = await openWorld({ rows: 40, only: 10 });

    expect((await draw(49)).isAll).toBe(false);
  });

  it("takes as many as wanted, and of each side its share", async () => {
    const { draw } = await openWorld({ rows: 600, both: 300, only: 400 });

    const { keys, population } = await draw(100);

    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.length).toBe(100);
    // Of the 100 that the cache draws, those without a row tell how many of these there are: 57 ± 5 of 100.
    expect(Math.abs(population - 1000)).toBeLessThan(200);
    const share = keys.filter((key) => key.startsWith("only:")).length;
    expect(Math.abs(share - 40)).toBeLessThan(15);
  });

  it.each([
    ["read one after the other", 10],
    ["asked for alone", 60],
  ])("gives each row the same chance where keys are %s", async (_how, stretch) => {
    const rows = 240;
    const wanted = rows / stretch;
    const { draw, names } = await openWorld({ rows });
    const random = new SeededRandom(5);
    const rounds = 25 * stretch;
    const drawn = new Map(names.map((key) => [key, 0]));

    for (let round = 0; round < rounds; round += 1) {
      const { keys } = await draw(wanted, "", random);
      expect(keys.length).toBe(wanted);
      for (const key of keys) drawn.set(key, (drawn.get(key) ?? 0) + 1);
    }

    // 25 each; with the seed, the figures are the same on every machine.
    const times = [...drawn.values()];
    expect(Math.min(...times)).toBeGreaterThan(5);
    expect(Math.max(...times)).toBeLessThan(50);
    for (const third of [0, 80, 160]) {
      const sum = times.slice(third, third + 80).reduce((all, one) => all + one, 0);
      expect(Math.abs(sum / 80 - 25)).toBeLessThan(2.5);
    }
  });

  it("reaches the last rows also where the count of rows is too low, and does not run past them where it is too high", async () => {
    const { draw, steered, ports, random, names } = await openWorld({ rows: 300 });
    const drawOf = async (counted: number) => {
      steered.store.on("countRows", async () => counted);
      return drawSample({ ...ports, random }, { prefix: "", size: 20 });
    };

    const low = new Set<string>();
    for (let round = 0; round < 40; round += 1)
      for (const key of (await drawOf(100)).keys) low.add(key);
    const high = await drawOf(3000);

    expect(names.slice(250).filter((key) => low.has(key)).length).toBeGreaterThan(30);
    expect(high.keys.length).toBeLessThan(20);
    expect(high.keys.every((key) => names.includes(key))).toBe(true);
    expect((await draw(20)).keys.length).toBe(20);
  });

  it("keeps to the prefix on both sides", async () => {
    const { draw, redis, past } = await openWorld({ rows: 30, only: 30 });
    await past.store.applyNewer([entryOf({ key: "a*:1" }), entryOf({ key: "ab" })], "ASYNC_THREAD");
    redis.set("a*:2", "value");

    const { keys, population } = await draw(10, "a*");

    expect(keys.toSorted()).toEqual(["a*:1", "a*:2"]);
    expect(population).toBe(2);
  });

  it("stops when it is cancelled", async () => {
    const { past, random } = await openWorld({ rows: 10 });
    const cancel = new AbortController();
    cancel.abort();

    const drawing = drawSample({ ...past, random }, { prefix: "", size: 5, signal: cancel.signal });

    await expect(drawing).rejects.toMatchObject({ code: "ABORTED" });
  });
});
