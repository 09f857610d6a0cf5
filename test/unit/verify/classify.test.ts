import { describe, expect, it } from "@jest/globals";
import { CLASSES, classify, isIssue } from "../../../src/verify/classify.ts";
import { entryOf, versionAt } from "../../contract/entries.ts";
import { copyOf, eventOf, lookOf, NOW_MS, shadowOf } from "../../support/builders.ts";
import { CLASS_TABLE, rowOf } from "../../support/class-table.ts";
import { everyFacts, lookWith, OBJECTIVE_MS } from "../../support/look-facts.ts";

describe("classify", () => {
  it("gives every combination of facts the class of the first row that matches", () => {
    const wrong: object[] = [];
    for (const facts of everyFacts()) {
      const { row, copyClass: wanted } = rowOf(facts);

      const { copyClass, cause } = classify(lookWith(facts), OBJECTIVE_MS);

      if (copyClass !== wanted || cause === "") wrong.push({ row, wanted, copyClass, facts });
    }

    expect(wrong.slice(0, 5)).toEqual([]);
  });

  it("is tried with every row of the table and every class", () => {
    const rows = new Set([...everyFacts()].map((facts) => rowOf(facts).row));

    expect(CLASS_TABLE.map(({ row }) => row).filter((row) => !rows.has(row))).toEqual([]);
    const tabled = new Set(CLASS_TABLE.map(({ copyClass }) => copyClass));
    expect(Object.keys(CLASSES).filter((name) => !(tabled as Set<string>).has(name))).toEqual([]);
  });

  it("counts as issues what traffic does not explain, and nothing else", () => {
    const issues = CLASS_TABLE.map(({ copyClass }) => copyClass).filter(isIssue);

    expect([...new Set(issues)].sort()).toEqual([
      "changed_outside",
      "corrupt",
      "diverged",
      "lost",
      "missing",
      "overdue",
      "removed_outside",
      "stale",
    ]);
  });

  describe("the age of a write that waits", () => {
    const atMs = (ageMs: number) => NOW_MS - ageMs;
    const entry = entryOf({ version: versionAt(atMs(30_000)) });
    const classOf = (...args: Parameters<typeof lookOf>) =>
      classify(lookOf(...args), OBJECTIVE_MS).copyClass;

    it("is within the objective at the objective itself, and past it a microsecond later", () => {
      const onTime = atMs(OBJECTIVE_MS) * 1000;

      expect(classOf({ cache: { ...copyOf(entry), markerSeq: onTime } })).toBe("pending");
      expect(classOf({ cache: { ...copyOf(entry), markerSeq: onTime - 1 } })).toBe("overdue");
    });

    it("counts from the shadow's version where that is later than the marker", () => {
      const cache = { ...copyOf(entry), markerSeq: atMs(20_000) * 1000 };

      const behind = classOf({ cache, shadow: shadowOf({ version: versionAt(atMs(25_000)) }) });
      const ahead = classOf({ cache, shadow: shadowOf({ version: versionAt(atMs(5000)) }) });

      expect([behind, ahead]).toEqual(["overdue", "pending"]);
    });

    it("counts from the oldest event where there is no marker, whatever the shadow has", () => {
      const old = eventOf(entryOf({ version: versionAt(atMs(20_000)) }), "1");
      const young = eventOf(entryOf({ version: versionAt(atMs(1000)) }), "2");

      expect(classOf({ events: [young] })).toBe("pending");
      expect(classOf({ events: [young, old] })).toBe("overdue");
      expect(classOf({ events: [old], shadow: shadowOf({ version: versionAt(atMs(1000)) }) })).toBe(
        "overdue",
      );
    });
  });
});
