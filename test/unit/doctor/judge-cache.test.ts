import { describe, expect, it } from "@jest/globals";
import type { CacheFacts } from "../../../src/cache/cache-facts-port.ts";
import { judgeCache } from "../../../src/doctor/judge-cache.ts";

const policy: CacheFacts["policy"] = {
  maxmemoryPolicy: "volatile-lru",
  maxmemoryBytes: 100_000_000,
  pinned: true,
  persistence: "aof-everysec",
  serverVersion: "7.0.15",
  showsIncarnation: true,
  evictedKeys: 0,
};

const good: CacheFacts = {
  product: "Redis",
  version: "7.0.15",
  role: "primary",
  isCluster: false,
  policy,
  failsToPersist: false,
  storeIds: [],
  refusedCommands: [],
  clock: { aheadMs: 0, uncertainMs: 0 },
};

const withPolicy = (more: Partial<CacheFacts["policy"]>) => ({ policy: { ...policy, ...more } });

describe("A Redis", () => {
  it("that is set up as recommended is fine in every respect", () => {
    expect(judgeCache(good).map(({ check, state }) => [check, state])).toEqual([
      ["redis version", "ok"],
      ["redis role", "ok"],
      ["redis eviction", "ok"],
      ["redis persistence", "ok"],
      ["redis restarts", "ok"],
      ["redis permissions", "ok"],
    ]);
  });

  it.each<[string, Partial<CacheFacts>, string, string]>([
    ["is too old", { version: "6.0.16" }, "redis version", "problem"],
    ["is as old as may be", { version: "6.2.0" }, "redis version", "ok"],
    ["hides its version", { version: undefined }, "redis version", "warning"],
    ["is a Valkey", { product: "Valkey", version: "8.0.1" }, "redis version", "ok"],
    ["is a replica", { role: "replica" }, "redis role", "problem"],
    ["hides its role", { role: undefined }, "redis role", "warning"],
    ["is a cluster's node", { isCluster: true }, "redis role", "problem"],
    [
      "may evict anything",
      withPolicy({ maxmemoryPolicy: "allkeys-lru", pinned: false }),
      "redis eviction",
      "warning",
    ],
    ["has no limit", withPolicy({ maxmemoryBytes: 0 }), "redis eviction", "warning"],
    ["evicts nothing", withPolicy({ maxmemoryPolicy: "noeviction" }), "redis eviction", "warning"],
    ["keeps nothing", withPolicy({ persistence: "none" }), "redis persistence", "warning"],
    ["keeps snapshots", withPolicy({ persistence: "rdb" }), "redis persistence", "warning"],
    ["flushes at leisure", withPolicy({ persistence: "aof-no" }), "redis persistence", "warning"],
    ["flushes always", withPolicy({ persistence: "aof-always" }), "redis persistence", "ok"],
    ["hides how it keeps", withPolicy({ persistence: "unknown" }), "redis persistence", "warning"],
    [
      "need keep nothing",
      withPolicy({ persistence: "none", pinned: false }),
      "redis persistence",
      "ok",
    ],
    ["cannot write to disk", { failsToPersist: true }, "redis persistence", "problem"],
    ["hides its run id", withPolicy({ showsIncarnation: false }), "redis restarts", "warning"],
    ["hides our rights", { refusedCommands: undefined }, "redis permissions", "warning"],
    ["forbids a command", { refusedCommands: ["SCAN"] }, "redis permissions", "problem"],
    ["forbids CONFIG alone", { refusedCommands: ["CONFIG GET"] }, "redis permissions", "warning"],
  ])("that %s", (_, more, check, state) => {
    const found = judgeCache({ ...good, ...more }).filter((one) => one.check === check);

    // Whatever is not fine says what to do.
    expect(found.map((one) => [one.state, one.hint !== undefined])).toEqual([
      [state, state !== "ok"],
    ]);
  });

  it("is told what to allow, in the server's own words", () => {
    const refusedCommands = ["SCRIPT LOAD", "UNLINK", "INFO"];

    expect(judgeCache({ ...good, refusedCommands }).at(-1)).toEqual({
      check: "redis permissions",
      state: "problem",
      says: "This user may not run SCRIPT LOAD, UNLINK.",
      hint: "Allow them, as with: ACL SETUSER <user> ~* +script|load +unlink",
    });
  });
});
