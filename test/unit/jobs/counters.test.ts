import { describe, expect, it } from "@jest/globals";
import { countedSince, readCounters } from "../../../src/jobs/counters.ts";
import { storeDown } from "../../support/builders.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";

describe("counters of what makes drift likelier", () => {
  it("count evictions and the buckets that were recovered, of all processes", async () => {
    const { past, redis } = await openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });
    const counters = readCounters({
      policy: () => past.cache.policy,
      bucketStates: past.bucketStates,
    });
    await past.cache.refreshPolicy();
    expect(await counters()).toEqual({ evictions: 0, recoveries: 0 });

    redis.evictedKeys = 7;
    await past.cache.refreshPolicy();
    await past.bucketStates.raiseEpoch(3, "another life");
    await past.bucketStates.raiseEpoch(4, "another life");

    expect(await counters()).toEqual({ evictions: 7, recoveries: 2 });
  });

  it("are not known where there is no Redis, or the store does not answer", async () => {
    const counters = readCounters({
      policy: () => undefined,
      bucketStates: { read: () => Promise.reject(storeDown()) },
    });

    expect(await counters()).toEqual({ evictions: null, recoveries: null });
  });

  it.each([
    { before: [3, 1], now: [10, 4], since: [7, 3], what: "the difference" },
    { before: [10, 1], now: [4, 1], since: [4, 0], what: "from 0 after a restart of the server" },
    {
      before: [null, null],
      now: [10, 4],
      since: [0, 0],
      what: "nothing where nobody counted before",
    },
    {
      before: [3, 1],
      now: [null, null],
      since: [undefined, 0],
      what: "unknown where nobody counts now",
    },
  ])("since an earlier look are $what", ({ before, now, since }) => {
    const [evictions, recoveries] = since;
    const counters = ([seen, recovered]: readonly (number | null | undefined)[]) => ({
      evictions: seen ?? null,
      recoveries: recovered ?? null,
    });

    expect(countedSince(counters(before), counters(now))).toEqual({ evictions, recoveries });
  });
});
