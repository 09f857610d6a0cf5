import { describe, expect, it } from "@jest/globals";
import { heldBytes, memoryOf } from "../../../../../src/cache/drivers/redis/cache-fill.ts";

const NOTHING_PENDING = { pendingKeys: 0, pendingBytes: 0 };

const info = (fields: Readonly<Record<string, string | number>>) =>
  new Map(Object.entries(fields).map(([name, value]) => [name, String(value)]));

describe("memoryOf", () => {
  it("leaves out what the server does not count towards its limit", () => {
    const fields = { used_memory: 1000, mem_not_counted_for_evict: 100, maxmemory: 5000 };

    expect(memoryOf(info(fields))).toEqual({ usedBytes: 900, limitBytes: 5000 });
  });

  it("takes the machine's memory for the limit where none is set", () => {
    const fields = { used_memory: 1000, maxmemory: 0, total_system_memory: 9000 };

    expect(memoryOf(info(fields)).limitBytes).toBe(9000);
  });

  it("knows nothing where the server says nothing", () => {
    expect(memoryOf(info({}))).toEqual({ usedBytes: undefined, limitBytes: undefined });
    expect(heldBytes(info({}), NOTHING_PENDING)).toBeUndefined();
  });
});

describe("heldBytes", () => {
  const used = { used_memory: 10_000, used_memory_dataset: 8_000 };
  const volatile = { ...used, maxmemory_policy: "volatile-lru" };

  it("is all of it where nothing is ever evicted, and nothing where anything may be", () => {
    expect(heldBytes(info({ ...used, maxmemory_policy: "noeviction" }), NOTHING_PENDING)).toBe(
      10_000,
    );
    expect(
      heldBytes(info({ ...used, maxmemory_policy: "allkeys-lru" }), NOTHING_PENDING),
    ).toBeUndefined();
  });

  it("is all but the data under volatile-* where every key has a TTL", () => {
    const fields = { ...volatile, db0: "keys=70,expires=70,avg_ttl=0", db3: "keys=30,expires=30" };

    expect(heldBytes(info(fields), NOTHING_PENDING)).toBe(2_000);
  });

  it("is all of it under volatile-* where no key has one", () => {
    const fields = { ...volatile, db0: "keys=100,expires=0,avg_ttl=0" };

    expect(heldBytes(info(fields), { pendingKeys: 50, pendingBytes: 3_000 })).toBe(10_000);
    expect(heldBytes(info(fields), NOTHING_PENDING)).toBe(10_000);
  });

  it("counts what waits by its size and the other keys by their number", () => {
    // 20 keys of ten that wait, with 6000 bytes; of the other 80, a quarter stays: 500 of their 2000 bytes.
    const fields = { ...volatile, db0: "keys=100,expires=60,avg_ttl=0" };

    expect(heldBytes(info(fields), { pendingKeys: 10, pendingBytes: 6_000 })).toBe(8_500);
  });
});
