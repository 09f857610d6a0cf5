import { describe, expect, it } from "@jest/globals";
import {
  type HiddenConfig,
  parseInfo,
  policyOf,
} from "../../../../../src/cache/drivers/redis/redis-policy.ts";

const INFO = [
  "# Server",
  "redis_version:7.0.15",
  "run_id:0123456789abcdef",
  "executable:/usr/bin/redis-server",
  "config_file:",
  "",
  "# Memory",
  "used_memory:1024",
  "maxmemory:104857600",
  "maxmemory_policy:volatile-lru",
  "# Persistence",
  "aof_enabled:1",
  "# Stats",
  "evicted_keys:1204",
  "# Keyspace",
  "db0:keys=1,expires=0,avg_ttl=0",
  "os:Linux 6.1: a name with colons",
].join("\r\n");

const hidden: HiddenConfig = { appendfsync: undefined, save: undefined };
const seen = { appendfsync: "everysec", save: "3600 1" };

describe("parseInfo", () => {
  it("reads each field, its value to the end of the line, and no headline", () => {
    const info = parseInfo(INFO);

    expect(info.get("redis_version")).toBe("7.0.15");
    expect(info.get("config_file")).toBe("");
    expect(info.get("os")).toBe("Linux 6.1: a name with colons");
    expect(info.get("db0")).toBe("keys=1,expires=0,avg_ttl=0");
    expect([...info.keys()].some((name) => name.startsWith("#"))).toBe(false);
  });

  it("has no fields where there is nothing to read", () => {
    expect(parseInfo("")).toEqual(new Map());
  });
});

describe("policyOf", () => {
  it("tells policy, limit, version and persistence", () => {
    expect(policyOf(parseInfo(INFO), seen)).toEqual({
      maxmemoryPolicy: "volatile-lru",
      maxmemoryBytes: 104_857_600,
      pinned: true,
      persistence: "aof-everysec",
      serverVersion: "7.0.15",
      showsIncarnation: true,
      evictedKeys: 1_204,
    });
  });

  it.each([
    ["noeviction", true],
    ["volatile-lru", true],
    ["volatile-lfu", true],
    ["volatile-random", true],
    ["volatile-ttl", true],
    ["allkeys-lru", false],
    ["allkeys-lfu", false],
    ["allkeys-random", false],
    ["some-new-policy", false],
  ])("holds unsynced writes under %s: %s", (policy, pinned) => {
    const info = new Map([["maxmemory_policy", policy]]);

    expect(policyOf(info, seen)).toMatchObject({ maxmemoryPolicy: policy, pinned });
  });

  it("trusts nothing to a server that tells nothing", () => {
    expect(policyOf(new Map(), hidden)).toEqual({
      maxmemoryPolicy: "unknown",
      maxmemoryBytes: 0,
      pinned: false,
      persistence: "unknown",
      serverVersion: "unknown",
      showsIncarnation: false,
      evictedKeys: 0,
    });
  });

  it.each([
    ["1", "always", "", "aof-always"],
    ["1", "everysec", "3600 1", "aof-everysec"],
    ["1", "no", "", "aof-no"],
    ["1", "some new way", "", "unknown"],
    ["1", undefined, undefined, "unknown"],
    ["0", "everysec", "3600 1 300 100", "rdb"],
    ["0", "everysec", "", "none"],
    ["0", "everysec", undefined, "unknown"],
    [undefined, "everysec", "", "unknown"],
  ])(
    "with aof_enabled %s, appendfsync %s and save %j it keeps writes by: %s",
    (aof, appendfsync, save, persistence) => {
      const info = new Map(aof === undefined ? [] : [["aof_enabled", aof]]);

      expect(policyOf(info, { appendfsync, save }).persistence).toBe(persistence);
    },
  );
});
