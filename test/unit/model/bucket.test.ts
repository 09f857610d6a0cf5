import { describe, expect, it } from "@jest/globals";
import { BUCKETS, bucketOf } from "../../../src/model/bucket.ts";

describe("bucketOf", () => {
  it("never changes for a key, since stores keep it beside the row", () => {
    // The slots of Redis Cluster: CRC16 of the key, or of what stands between its first { and the next }.
    expect(bucketOf("123456789")).toBe(12_739 % BUCKETS);
    expect(bucketOf("bar")).toBe(5061 % BUCKETS);
    expect(bucketOf("foo{{bar}}zap")).toBe(4015 % BUCKETS);
    expect(bucketOf("")).toBe(0);
  });

  it("puts keys with the same hash tag together", () => {
    expect(bucketOf("{user}:1")).toBe(bucketOf("order:{user}"));
  });

  it("uses every bucket, about evenly", () => {
    const counts = Array.from({ length: BUCKETS }, () => 0);
    for (let at = 0; at < 16_000; at += 1) counts[bucketOf(`user:${at}`)]! += 1;

    expect(Math.min(...counts)).toBeGreaterThan(800);
    expect(Math.max(...counts)).toBeLessThan(1200);
  });
});
