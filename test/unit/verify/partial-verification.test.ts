import { describe, expect, it } from "@jest/globals";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { SyncReport, VerifyRequest } from "../../../src/verify/cache-verifier.ts";
import { isIssue } from "../../../src/verify/classify.ts";
import { encodePass } from "../../../src/verify/pass-cursor.ts";
import { type CacheFirstWorld, openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { PLANTS, plantIn } from "../../support/plants.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";
import { verifierIn } from "../../support/verifier-in.ts";

async function openWorld({ both = 0, foreign = 0 } = {}) {
  const world = await openCacheFirstWorld();
  for (let i = 0; i < both; i += 1) {
    const writer = new ScriptedWriter(world, `both:${i}`);
    await writer.run(writer.direct("first"));
  }
  for (let i = 0; i < foreign; i += 1) world.redis.set(`foreign:${i}`, "value");
  return world;
}

/** Calls again with the cursor until there is none, each time from another process. */
async function inParts(world: CacheFirstWorld, request: VerifyRequest): Promise<SyncReport[]> {
  const parts: SyncReport[] = [];
  let cursor: string | null = null;
  do {
    const from: VerifyRequest = cursor === null ? {} : { cursor };
    const part = await verifierIn(world).verify({ ...request, ...from });
    parts.push(part);
    cursor = part.pass.cursor;
  } while (cursor !== null);
  return parts;
}

describe("a pass in parts", () => {
  it.each([1, 7, 100, 10_000])("checks every key once with a limit of %i", async (limit) => {
    const world = await openWorld({ both: 90, foreign: 30 });

    const parts = await inParts(world, { limit });

    const sum = parts.reduce((all, part) => all + part.keysChecked, 0);
    expect(sum).toBe(120);
    expect(parts.at(-1)?.pass).toEqual({
      keysChecked: 120,
      issues: 0,
      complete: true,
      cursor: null,
    });
    expect(parts.slice(0, -1).every(({ pass }) => !pass.complete)).toBe(true);
  });

  it("looks at about as many keys in a call as it may, those too that turn out to be checked already", async () => {
    const world = await openWorld({ both: 300 });

    const parts = await inParts(world, { limit: 100 });

    // 300 rows, then 300 keys of the cache, in pages of up to a thousand.
    expect(parts.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...parts.map((part) => part.keysChecked))).toBeLessThan(300);
  });

  it("names in each part what that part has found, and is not healthy once any has found something", async () => {
    const world = await openWorld({ both: 40 });
    world.redis.set("both:0", "theirs");
    world.redis.set("both:9", "theirs");

    const parts = await inParts(world, { limit: 10 });

    const named = parts.flatMap((part) => part.mismatches.map(({ key }) => key));
    expect(named.toSorted()).toEqual(["both:0", "both:9"]);
    expect(parts[0]).toMatchObject({ healthy: false, pass: { issues: 1 } });
    expect(parts.at(-1)).toMatchObject({
      healthy: false,
      keysChecked: 0,
      mismatches: [],
      pass: { issues: 2, complete: true, keysChecked: 40 },
    });
  });

  it("goes on from where it was when keys have come and gone meanwhile, a day later", async () => {
    const world = await openWorld({ both: 40 });
    const first = await verifierIn(world).verify({ limit: 20 });
    await world.clock.advance(24 * 3_600_000);
    for (const key of ["aaa", "zzz"]) {
      const writer = new ScriptedWriter(world, key);
      await writer.run(writer.direct("later"));
    }

    const rest = await verifierIn(world).verify({ cursor: first.pass.cursor ?? "" });

    // A key in front of the cursor that was written since is no longer asked for.
    expect(rest.keysChecked).toBe(40 - first.keysChecked + 1);
    expect(rest.pass.complete).toBe(true);
  });

  it.each([
    ["begins the cache's side again where the cache has started anew", "an earlier run", 30],
    ["goes on in the cache where it is still the same", "run 1", 24],
  ])("%s", async (_what, id, left) => {
    const world = await openWorld({ foreign: 30 });
    const cursor = encodePass({
      storeId: await world.past.store.storeId(),
      prefix: "",
      compared: "contents",
      place: { side: "cache", scan: { id, cursor: "after:foreign:13" } },
      inStore: { keys: 4, issues: 0 },
      inCache: { keys: 6, issues: 1 },
    });

    const rest = await verifierIn(world).verify({ cursor });

    expect(rest.counts.unmanaged).toBe(left);
    expect(rest.pass).toEqual({
      keysChecked: 34,
      issues: left === 30 ? 0 : 1,
      complete: true,
      cursor: null,
    });
  });

  it("keeps prefix and comparison of its beginning", async () => {
    const world = await openWorld({ both: 20, foreign: 20 });

    const first = await verifierIn(world).verify({
      prefix: "both:",
      compared: "digests",
      limit: 8,
    });
    const rest = await verifierIn(world).verify({ cursor: first.pass.cursor ?? "" });

    expect(rest).toMatchObject({ compared: "digests", pass: { keysChecked: 20, complete: true } });
  });

  it.each<[string, VerifyRequest]>([
    ["another prefix", { prefix: "b" }],
    ["another comparison", { compared: "digests" }],
  ])("refuses a cursor together with %s", async (_what, other) => {
    const world = await openWorld({ both: 20 });
    const { pass } = await verifierIn(world).verify({ limit: 8, prefix: "both:" });

    const verified = verifierIn(world).verify({ cursor: pass.cursor ?? "", ...other });

    await expect(verified).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("refuses the cursor of another store", async () => {
    const world = await openWorld({ both: 20 });
    const { pass } = await verifierIn(world).verify({ limit: 8 });
    const other = await openWorld({ both: 20 });
    other.steered.store.on("storeId", async () => "another");

    const verified = verifierIn(other).verify({ cursor: pass.cursor ?? "" });

    await expect(verified).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it.each<VerifyRequest>([
    { mode: "sample", limit: 5 },
    { mode: "sample", cursor: "any" },
    { sampleSize: 5 },
  ])("refuses what does not go together: %j", async (request) => {
    const world = await openWorld();

    await expect(verifierIn(world).verify(request)).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });
});

describe("a sample", () => {
  it("checks as many keys as it is told, and judges by them", async () => {
    const world = await openWorld({ both: 150, foreign: 50 });

    const report = await verifierIn(world).verify({ mode: "sample", sampleSize: 40 });

    expect(report).toMatchObject({
      mode: "sample",
      keysChecked: 40,
      healthy: true,
      pass: { keysChecked: 40, complete: false, cursor: null },
      sample: { isAll: false, driftRate: 0, interval: { low: 0 } },
    });
    expect(report.sample?.smallestVisibleRate).toBeCloseTo(0.0722, 3);
  });

  it("finds drift about as often as there is some", async () => {
    const world = await openWorld({ both: 200 });
    for (let i = 0; i < 100; i += 1) world.redis.set(`both:${i}`, "theirs");

    const report = await verifierIn(world).verify({ mode: "sample", sampleSize: 80 });

    expect(report.healthy).toBe(false);
    expect(report.sample?.interval.low).toBeLessThan(0.5);
    expect(report.sample?.interval.high).toBeGreaterThan(0.5);
    expect(report.counts.changed_outside).toBe(report.pass.issues);
  });

  it("is complete where it is no smaller than what there is", async () => {
    const world = await openWorld({ both: 10, foreign: 5 });

    const report = await verifierIn(world).verify({ mode: "sample" });

    expect(report.pass).toMatchObject({ keysChecked: 15, complete: true });
    expect(report.sample).toMatchObject({ isAll: true, smallestVisibleRate: 0 });
  });
});

/** What only a look at both values tells; the lengths of these are equal. */
const SAME_LENGTH: readonly [string, (world: CacheFirstWorld) => void][] = [
  ["a cached value that was replaced", ({ redis }) => redis.set("user:1", "fIrst")],
  [
    "a stored value that was edited",
    ({ database }) => {
      database.query("UPDATE kvshadow SET value = CAST('fIrst' AS BLOB)").run();
    },
  ],
];

describe("a comparison of digests", () => {
  it.each(PLANTS)("names what stands in two places: $copyClass, $what", async (plant) => {
    const world = await openWorld();
    await plantIn(world, plant);

    const report = await verifierIn(world).verify({ compared: "digests" });

    // "edited" and "foreign" have other lengths than "first"; what stands alone has nothing to be compared with.
    const isAlone =
      plant.copyClass === "corrupt" ||
      plant.what === "an unsynced write that another program overwrote";
    expect(report.mismatches).toEqual(
      isAlone ? [] : [{ key: "user:1", copyClass: plant.copyClass }],
    );
  });

  it.each(SAME_LENGTH)("does not see %s by one of the same length", async (_what, change) => {
    const world = await openWorld();
    const writer = new ScriptedWriter(world, "user:1");
    await writer.run(writer.direct("first"));
    change(world);

    const byDigests = await verifierIn(world).verify({ compared: "digests" });
    const byContents = await verifierIn(world).verify();

    expect(byDigests.counts.ok).toBe(1);
    expect(byContents.mismatches.map(({ copyClass }) => isIssue(copyClass))).toEqual([true]);
  });

  it("reads no value of keys that are in step, on either side", async () => {
    const world = await openWorld({ both: 300, foreign: 20 });
    world.calls.length = 0;

    const report = await verifierIn(world).verify({ compared: "digests" });

    expect(report).toMatchObject({ keysChecked: 320, healthy: true });
    const reads = [
      "cache.observe",
      "cache.contents",
      "store.scan",
      "store.scanContents",
      "store.get",
      "store.getMany",
    ];
    expect(world.calls.filter((call) => reads.includes(call))).toEqual([]);
  });

  it("fails as any other where a side is away", async () => {
    const world = await openWorld({ both: 1 });
    world.steered.store.on("scanDigests", () =>
      Promise.reject(new LockstepError("STORE_UNAVAILABLE", "away")),
    );

    await expect(verifierIn(world).verify({ compared: "digests" })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });
});
