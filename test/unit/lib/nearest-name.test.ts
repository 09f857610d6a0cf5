import { describe, expect, it } from "@jest/globals";
import { nearestName } from "../../../src/lib/nearest-name.ts";

describe("nearestName", () => {
  it("finds the name behind a slip", () => {
    expect(nearestName("verify_cach_sync", ["kv_get", "verify_cache_sync"])).toBe(
      "verify_cache_sync",
    );
  });

  it("finds the name that was only begun", () => {
    expect(nearestName("ttl", ["key", "value", "ttlSec"])).toBe("ttlSec");
  });

  it("does not care about case", () => {
    expect(nearestName("TTLSEC", ["ttlSec"])).toBe("ttlSec");
  });

  it("prefers the name with the fewest differences", () => {
    expect(nearestName("kv_gt", ["kv_set", "kv_get"])).toBe("kv_get");
  });

  it("stays silent where nothing is near", () => {
    expect(nearestName("weather", ["kv_set", "kv_get"])).toBeUndefined();
  });
});
