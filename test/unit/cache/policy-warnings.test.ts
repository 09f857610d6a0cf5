import { describe, expect, it } from "@jest/globals";
import type { CachePolicy } from "../../../src/cache/cache-authority-port.ts";
import { policyWarnings } from "../../../src/cache/policy-warnings.ts";

const safe: CachePolicy = {
  maxmemoryPolicy: "volatile-lru",
  maxmemoryBytes: 100_000_000,
  pinned: true,
  persistence: "aof-everysec",
  serverVersion: "7.0.15",
  showsIncarnation: true,
  evictedKeys: 0,
};

describe("what is unsafe about a cache", () => {
  it.each(["aof-everysec", "aof-always"] as const)(
    "is nothing with volatile-lru and %s",
    (persistence) => {
      expect(policyWarnings({ ...safe, persistence })).toEqual([]);
    },
  );

  it("is that a restart may go unnoticed where the server does not tell who it is", () => {
    const warnings = policyWarnings({ ...safe, showsIncarnation: false });

    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("INFO");
  });

  it("is nothing without a memory limit, under whatever policy that holds", () => {
    const policy: CachePolicy = { ...safe, maxmemoryPolicy: "noeviction", maxmemoryBytes: 0 };

    expect(policyWarnings(policy)).toEqual([]);
  });

  it.each(["allkeys-lru", "unknown"])(
    "is that %s may drop any write, whatever the disk keeps",
    (maxmemoryPolicy) => {
      const warnings = policyWarnings({
        ...safe,
        maxmemoryPolicy,
        pinned: false,
        persistence: "none",
      });

      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(maxmemoryPolicy);
      expect(warnings[0]).toContain("volatile-lru");
    },
  );

  it.each([
    ["none", "appendonly yes"],
    ["rdb", "appendfsync everysec"],
    ["aof-no", "appendfsync everysec"],
    ["unknown", "CONFIG"],
  ] as const)("is what a crash loses with persistence %s", (persistence, remedy) => {
    const warnings = policyWarnings({ ...safe, persistence });

    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(remedy);
  });

  it("is that writes stop when a limit is reached under noeviction, beside what else there is", () => {
    const warnings = policyWarnings({
      ...safe,
      maxmemoryPolicy: "noeviction",
      persistence: "none",
    });

    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toContain("noeviction");
    expect(warnings[1]).toContain("volatile-lru");
  });
});
