import { describe, expect, it } from "@jest/globals";
import type { RepairStrategy } from "../../../src/verify/plan-repair.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { Meanwhile } from "../../support/looking.ts";
import { PLANTS, type Plant, plantIn } from "../../support/plants.ts";
import { runThrough } from "../../support/run-through.ts";
import { ScriptedWriter, type Step } from "../../support/scripted-writer.ts";

describe("a repair that races a live write", () => {
  type Live = (writer: ScriptedWriter) => Step[];

  /**
   * At each call after the look has read the cache, a write lands in one go, or is minted there and lands after the
   * repair. One that is evicted at once begins only after the whole look: an earlier one would be seen in the row, and
   * a strategy may well decide against it.
   */
  const LIVE: readonly (readonly [string, Live, (place: number) => number[], number])[] = [
    ["lands", (w) => w.direct("live"), (at) => [at, at, at], 1],
    ["is minted", (w) => w.direct("live"), (at) => [at, 99, 99], 1],
    [
      "lands and is evicted",
      (w) => [...w.direct("live"), ...w.evict("value"), ...w.evict("meta")],
      (at) => [at, at, at, at, at],
      3,
    ],
  ];

  async function race(
    plant: Plant,
    strategy: RepairStrategy,
    live: Live,
    places: readonly number[],
    maxmemoryPolicy: string,
  ): Promise<{ readonly calls: number; readonly stands: boolean }> {
    const world = await openCacheFirstWorld({ maxmemoryPolicy });
    await plantIn(world, plant);
    const meanwhile = new Meanwhile(live(new ScriptedWriter(world, "user:1")), places);
    for (const port of Object.values(world.steered)) port.onEvery(meanwhile.beforeRead);
    const repair = world.repairer.repair("user:1", { strategy, dryRun: false });
    await runThrough(world.clock, repair.catch(refusedInMotion));
    const calls = world.calls.length;
    for (const port of Object.values(world.steered)) port.onEvery(undefined);
    await meanwhile.finish();
    const answer = await runThrough(world.clock, world.reads.read("user:1"));
    return { calls, stands: answer.found && answer.value === "live" };
  }

  /** The call after which a write is later than what the repair has seen: the first of its look, or of its third one. */
  async function decidingCall(
    plant: Plant,
    strategy: RepairStrategy,
    maxmemoryPolicy: string,
  ): Promise<number> {
    const world = await openCacheFirstWorld({ maxmemoryPolicy });
    await plantIn(world, plant);
    const wanted = { strategy, dryRun: true };
    await runThrough(world.clock, world.repairer.repair("user:1", wanted));
    const observed = [...world.calls.keys()].filter((i) => world.calls[i] === "cache.observe");
    return observed[2] ?? observed[0]!;
  }

  function refusedInMotion(error: unknown): void {
    if ((error as { code?: string }).code !== "KEY_IN_MOTION") throw error;
  }

  const strategies: readonly RepairStrategy[] = ["auto", "cache", "store", "newest"];
  const policies = ["noeviction", "volatile-lru", "allkeys-lru"];

  describe.each(policies)("under %s", (policy) => {
    it.each(LIVE)(
      "never covers a write that %s after the look",
      async (_how, live, placed, from) => {
        const covered: string[] = [];
        for (const plant of PLANTS)
          for (const strategy of strategies) {
            const first = from + (await decidingCall(plant, strategy, policy));
            for (let place = first, calls = first + 1; place < calls; place += 1) {
              const result = await race(plant, strategy, live, placed(place), policy);
              calls = result.calls;
              if (!result.stands) covered.push(`${plant.what}, ${strategy}, call ${place}`);
            }
          }

        expect(covered.slice(0, 10)).toEqual([]);
      },
    );
  });
});
