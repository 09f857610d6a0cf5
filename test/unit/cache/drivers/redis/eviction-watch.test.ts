import { describe, expect, it } from "@jest/globals";
import { EvictionWatch } from "../../../../../src/cache/drivers/redis/eviction-watch.ts";

function infoOf(
  wanted: { run?: string; policy?: string; evicted?: number; commands?: number } = {},
) {
  return new Map([
    ["run_id", wanted.run ?? "this run"],
    ["maxmemory_policy", wanted.policy ?? "noeviction"],
    ["evicted_keys", String(wanted.evicted ?? 0)],
    ["total_commands_processed", String(wanted.commands ?? 100)],
  ]);
}

/** What a process that saw these, one after the other, may say. */
function verdictAfter(...seen: ReadonlyMap<string, string>[]): boolean {
  const watch = new EvictionWatch();
  for (const info of seen) watch.see(info);
  return watch.neverEvicted;
}

describe("whether nothing was ever evicted", () => {
  it("is not claimed before the server was asked, or where it tells nothing", () => {
    expect(verdictAfter()).toBe(false);
    expect(verdictAfter(new Map())).toBe(false);
    expect(verdictAfter(infoOf(), new Map())).toBe(false);
  });

  it("is so while the policy evicts nothing and the counters only rise", () => {
    expect(verdictAfter(infoOf())).toBe(true);
    expect(verdictAfter(infoOf(), infoOf({ commands: 100 }), infoOf({ commands: 200 }))).toBe(true);
  });

  it.each([
    ["an eviction", infoOf({ evicted: 1, commands: 101 })],
    ["another policy", infoOf({ policy: "volatile-lru", commands: 101 })],
    ["counters that fell", infoOf({ commands: 3 })],
  ])("is not so after %s, for the rest of the run", (_name, spoiler) => {
    expect(verdictAfter(infoOf(), spoiler)).toBe(false);
    expect(verdictAfter(infoOf(), spoiler, infoOf({ commands: 500 }))).toBe(false);
  });

  it("begins anew with another run of the server", () => {
    const next = infoOf({ run: "the next run", commands: 1 });

    expect(verdictAfter(infoOf({ evicted: 5 }), next)).toBe(true);
    expect(
      verdictAfter(infoOf(), next, infoOf({ run: "the next run", evicted: 1, commands: 2 })),
    ).toBe(false);
  });
});
