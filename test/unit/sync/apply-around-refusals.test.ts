import { describe, expect, it } from "@jest/globals";
import type { Entry } from "../../../src/model/entry.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { beginLife } from "../../../src/store/statement-life.ts";
import { applyEntries, applyEvents, isRefusal } from "../../../src/sync/apply-around-refusals.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { cacheDown, eventOf, storeDown } from "../../support/builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** A store that refuses each call with one of these values in it, as a bulk on a real one may. */
function storeWithout(...forbidden: readonly string[]) {
  const taken = new Map<string, Entry>();
  const bulks: string[][] = [];
  return {
    taken,
    bulks,
    applyNewer: async (entries: readonly Entry[]) => {
      bulks.push(entries.map(({ value }) => value ?? ""));
      if (entries.some(({ value }) => value !== null && forbidden.includes(value))) throw refused();
      for (const entry of entries) taken.set(entry.key, entry);
      return new Map(entries.map(({ key, version }) => [key, version]));
    },
  };
}

const LIFE = beginLife(new ManualClock());
const refused = () => new LockstepError("DOCUMENT_REFUSED", "A rule forbids it.");
const entriesOf = (...values: readonly string[]) =>
  values.map((value) => entryOf({ key: value, value }));

describe("applyEntries", () => {
  it("makes one call where nothing is refused, and none for nothing", async () => {
    const store = storeWithout();

    const applied = await applyEntries(store, entriesOf("a", "b", "c"), LIFE);
    await applyEntries(store, [], LIFE);

    expect([...applied.versions.keys()]).toEqual(["a", "b", "c"]);
    expect(applied.refused.size).toBe(0);
    expect(store.bulks).toHaveLength(1);
  });

  it("takes everything but what is refused, and says why", async () => {
    const store = storeWithout("c", "g");

    const applied = await applyEntries(store, entriesOf("a", "b", "c", "d", "e", "f", "g"), LIFE);

    expect([...store.taken.keys()].toSorted()).toEqual(["a", "b", "d", "e", "f"]);
    expect([...applied.versions.keys()].toSorted()).toEqual(["a", "b", "d", "e", "f"]);
    expect([...applied.refused]).toEqual([
      ["c", refused()],
      ["g", refused()],
    ]);
  });

  it("finds the one among five hundred in a few calls", async () => {
    const store = storeWithout("v77");
    const values = Array.from({ length: 500 }, (_, at) => `v${at}`);

    const applied = await applyEntries(store, entriesOf(...values), LIFE);

    expect([...applied.refused.keys()]).toEqual(["v77"]);
    expect(store.bulks.length).toBeLessThan(20);
  });

  it("fails as a whole where the store does not answer", async () => {
    const failing = {
      applyNewer: async () => {
        throw storeDown();
      },
    };

    await expect(applyEntries(failing, entriesOf("a", "b"), LIFE)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
  });

  it.each([1, 2])(
    "says that nobody knows what landed where the store goes away after it refused an entry, %d calls on",
    async (callsLeft) => {
      const store = storeWithout("b");
      let calls = 0;
      const failing = {
        applyNewer: async (entries: readonly Entry[]) => {
          calls += 1;
          if (calls > callsLeft) throw storeDown();
          return store.applyNewer(entries);
        },
      };

      await expect(
        applyEntries(failing, entriesOf("a", "b", "c", "d"), LIFE),
      ).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
    },
  );
});

describe("applyEvents", () => {
  const at = (number: number, value: string) =>
    eventOf(entryOf({ key: "a", version: versionNo(number), value }), String(number));

  it("writes the newest of a key alone where that is taken", async () => {
    const store = storeWithout("one");

    const applied = await applyEvents(store, [at(1, "one"), at(2, "two")], LIFE);

    expect(applied).toEqual({ versions: new Map([["a", versionNo(2)]]), refused: [] });
    expect(store.bulks).toEqual([["two"]]);
  });

  it("falls back to the next older one where the newest is refused", async () => {
    const store = storeWithout("three", "two");

    const applied = await applyEvents(store, [at(1, "one"), at(3, "three"), at(2, "two")], LIFE);

    expect(applied.versions).toEqual(new Map([["a", versionNo(1)]]));
    expect(applied.refused.map(({ event }) => event.id)).toEqual(["3", "2"]);
    expect(store.taken.get("a")?.value).toBe("one");
  });

  it("refuses both of two events that are the same write", async () => {
    const store = storeWithout("one");

    const applied = await applyEvents(
      store,
      [at(1, "one"), { ...at(1, "one"), id: "again" }],
      LIFE,
    );

    expect(applied.refused.map(({ event }) => event.id)).toEqual(["1", "again"]);
  });
});

describe("isRefusal", () => {
  it.each([
    ["a refused document", refused(), true],
    ["an error that nobody foresaw", new RangeError("too large to encode"), true],
    ["a broken row", new LockstepError("INTERNAL", "A row is missing."), true],
    ["a store that is down", storeDown(), false],
    ["a lost answer", new LockstepError("UNKNOWN_OUTCOME", "Lost."), false],
    ["a cache that is down", cacheDown(), false],
    ["a store of a newer release", new LockstepError("SCHEMA_TOO_NEW", "Newer."), false],
    ["the end of the process", new LockstepError("SHUTTING_DOWN", "Ending."), false],
  ])("of %s: %#", (_what, error, expected) => {
    expect(isRefusal(error)).toBe(expected);
  });
});
