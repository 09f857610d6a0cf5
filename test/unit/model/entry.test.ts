import { describe, expect, it } from "@jest/globals";
import { isDead, isExpired, newestOf, purgeAtMs } from "../../../src/model/entry.ts";
import { formatVersion } from "../../../src/model/version.ts";

const NOW_MS = 1_000_000;

describe("isExpired", () => {
  it("is true from the deadline on, and never without one", () => {
    expect(isExpired(NOW_MS + 1, NOW_MS)).toBe(false);
    expect(isExpired(NOW_MS, NOW_MS)).toBe(true);
    expect(isExpired(NOW_MS - 1, NOW_MS)).toBe(true);
    expect(isExpired(null, NOW_MS)).toBe(false);
  });
});

describe("isDead", () => {
  it("is true for a tombstone and for an expired value", () => {
    expect(isDead({ value: null, expiresAtMs: null }, NOW_MS)).toBe(true);
    expect(isDead({ value: "text", expiresAtMs: NOW_MS }, NOW_MS)).toBe(true);
  });

  it("is false for any text that has not expired, the empty one too", () => {
    expect(isDead({ value: "", expiresAtMs: null }, NOW_MS)).toBe(false);
    expect(isDead({ value: "text", expiresAtMs: NOW_MS + 1 }, NOW_MS)).toBe(false);
  });
});

describe("newestOf", () => {
  it("finds the highest version, wherever it stands", () => {
    const [one, two, three] = [1, 2, 3].map((seq) => ({ version: formatVersion(1, seq) }));

    expect(newestOf([three!, one!, two!])).toBe(three);
    expect(newestOf([one!, three!, two!])).toBe(three);
    expect(newestOf([one!, two!, three!])).toBe(three);
  });

  it("takes the first of two alike, and nothing from nothing", () => {
    const [row, event] = [{ version: formatVersion(1, 1) }, { version: formatVersion(1, 1) }];

    expect(newestOf([row!, event!])).toBe(row);
    expect(newestOf([])).toBeUndefined();
  });
});

describe("purgeAtMs", () => {
  it("is a grace time after the delete, or after the deadline", () => {
    expect(purgeAtMs({ value: null, expiresAtMs: null }, NOW_MS, 10)).toBe(NOW_MS + 10);
    expect(purgeAtMs({ value: "text", expiresAtMs: NOW_MS + 5 }, NOW_MS, 10)).toBe(NOW_MS + 15);
  });

  it("is never for a value that lives for ever", () => {
    expect(purgeAtMs({ value: "text", expiresAtMs: null }, NOW_MS, 10)).toBeNull();
  });
});
