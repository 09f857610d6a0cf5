import { describe, expect, it } from "@jest/globals";
import { backoffMs, newestPerKey } from "../../../src/sync/project-batch.ts";
import { entryOf, tombstoneOf, versionNo } from "../../contract/entries.ts";
import { eventOf } from "../../support/builders.ts";
import { seeded } from "../../support/seeded-random.ts";

describe("newestPerKey", () => {
  it("keeps the newest entry of each key, in whatever order the events come", () => {
    const older = entryOf({ key: "a", version: versionNo(1) });
    const newest = tombstoneOf({ key: "a", version: versionNo(3) });
    const other = entryOf({ key: "b", version: versionNo(2) });

    const kept = newestPerKey([older, newest, other, older].map((entry) => eventOf(entry)));

    expect(kept).toEqual([newest, other]);
  });

  it("keeps one of two that are alike", () => {
    expect(newestPerKey([eventOf(entryOf(), "1"), eventOf(entryOf(), "2")])).toEqual([entryOf()]);
  });

  it("has nothing to keep of no events", () => {
    expect(newestPerKey([])).toEqual([]);
  });
});

describe("backoffMs", () => {
  it("doubles from a second up to a minute, and never grows beyond", () => {
    const fulls = [0, 1, 2, 5, 6, 100].map((attempts) => backoffMs(attempts, 1));

    expect(fulls).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000]);
  });

  it(
    "is spread over the upper half",
    seeded((random) => {
      for (let i = 0; i < 200; i += 1) {
        const attempts = random.integer(20);
        const full = backoffMs(attempts, 1);
        const rest = backoffMs(attempts, random.fraction());
        expect(rest).toBeGreaterThanOrEqual(full / 2);
        expect(rest).toBeLessThanOrEqual(full);
      }
    }),
  );
});
