import { describe, expect, it } from "@jest/globals";
import { isDead, matchesOwnHash } from "../../../src/model/entry.ts";
import { classify, type Look } from "../../../src/verify/classify.ts";
import {
  planRepair,
  type RepairPlan,
  type RepairStrategy,
  storedEntry,
} from "../../../src/verify/plan-repair.ts";
import { entryOf, tombstoneOf, versionNo } from "../../contract/entries.ts";
import { copyOf, eventOf, lookOf, NOW_MS, shadowOf } from "../../support/builders.ts";
import { rowOf } from "../../support/class-table.ts";
import { everyFacts, type Facts, lookWith, OBJECTIVE_MS } from "../../support/look-facts.ts";

const STRATEGIES: readonly RepairStrategy[] = ["auto", "cache", "store", "newest"];

interface Planned {
  readonly facts: Facts;
  readonly look: Look;
  readonly strategy: RepairStrategy;
  readonly plan: RepairPlan;
}

/** Every plan there can be, with what led to it. */
function* everyPlan(strategies = STRATEGIES): Generator<Planned> {
  for (const facts of everyFacts()) {
    const look = lookWith(facts);
    const { copyClass } = classify(look, OBJECTIVE_MS);
    for (const strategy of strategies) {
      yield { facts, look, strategy, plan: planRepair(look, copyClass, strategy) };
    }
  }
}

/** The first few plans of which the claim does not hold. */
function counterExamples(
  holds: (planned: Planned) => boolean,
  strategies?: readonly RepairStrategy[],
): readonly object[] {
  const found: object[] = [];
  for (const planned of everyPlan(strategies)) {
    if (found.length < 3 && !holds(planned)) {
      const { facts, strategy, plan } = planned;
      found.push({ row: rowOf(facts).row, strategy, plan, facts });
    }
  }
  return found;
}

const agreed = new Set(["ok", "deleted", "expired", "absent"]);

const isStored = (look: Look) => {
  const stored = storedEntry(look);
  return stored !== undefined && !isDead(stored, NOW_MS);
};

describe("planRepair", () => {
  it("does for each row of the class table what its repair column says", () => {
    expect(
      counterExamples(({ facts, plan }) => plan.action === rowOf(facts).auto, ["auto"]),
    ).toEqual([]);
  });

  it("never touches another Redis type, by any strategy, and says why", () => {
    expect(
      counterExamples(
        ({ facts, plan }) => !facts.otherType || (plan.action === "none" && plan.why !== undefined),
      ),
    ).toEqual([]);
  });

  it("has nothing to do by any strategy where both sides agree, but to stamp a value without meta", () => {
    expect(
      counterExamples(({ facts, plan }) => {
        const { copyClass } = rowOf(facts);
        const wanted = copyClass === "ok" && facts.meta === "none" ? "stamp" : "none";
        return facts.otherType || !agreed.has(copyClass) || plan.action === wanted;
      }),
    ).toEqual([]);
  });

  it("brings a write on its way to the store, by any strategy, and never chooses against it", () => {
    expect(
      counterExamples(({ facts, plan }) => {
        const { copyClass } = rowOf(facts);
        return facts.otherType || copyClass !== "pending" || plan.action === "sync_now";
      }),
    ).toEqual([]);
  });

  it("says why wherever auto leaves an issue as it is", () => {
    const isIssue = (facts: Facts) => ["corrupt", "lost"].includes(rowOf(facts).copyClass);

    expect(
      counterExamples(
        ({ facts, plan }) => !isIssue(facts) || plan.action !== "none" || plan.why !== undefined,
        ["auto"],
      ),
    ).toEqual([]);
  });

  it("never lets auto or newest remove or replace a stored value because the cache is merely empty", () => {
    const isMerelyEmpty = ({ value, meta, marker, removalProven }: Facts) =>
      value === "none" &&
      marker === "none" &&
      (meta === "none" || meta === "live") &&
      !removalProven;

    expect(
      counterExamples(
        ({ facts, plan }) =>
          !isMerelyEmpty(facts) || (plan.action !== "remove" && plan.action !== "follow_cache"),
        ["auto", "newest"],
      ),
    ).toEqual([]);
  });

  it("never lets auto drop a cached value that is not behind the store", () => {
    expect(
      counterExamples(
        ({ facts, plan }) => {
          if (plan.action !== "drop_copy" || facts.value === "none") return true;
          return facts.shadow !== "none" && facts.shadow.age === "newer";
        },
        ["auto"],
      ),
    ).toEqual([]);
  });

  it("plans only steps that what was seen allows", () => {
    const isAllowed = ({ look, plan }: Planned) => {
      const { value, meta, markerSeq } = look.cache;
      switch (plan.action) {
        case "follow_cache":
          return value !== undefined;
        case "follow_store":
          return isStored(look);
        case "sync_now":
          return look.events.length > 0 || (markerSeq !== undefined && meta !== undefined);
        case "project":
        case "drop_copy":
          return meta !== undefined;
        case "drop_marker":
          return markerSeq !== undefined;
        case "stamp":
          return value !== undefined && look.shadow !== undefined;
        case "warm":
          return (
            value === undefined &&
            meta === undefined &&
            markerSeq === undefined &&
            look.events.length === 0 &&
            look.shadow !== undefined &&
            matchesOwnHash(look.shadow)
          );
        case "none":
        case "remove":
          return true;
      }
    };

    expect(counterExamples(isAllowed)).toEqual([]);
  });

  describe("by strategy", () => {
    const settled = (facts: Facts) => {
      const { copyClass } = rowOf(facts);
      return facts.otherType || agreed.has(copyClass) || copyClass === "pending";
    };

    it("cache: what is cached is taken over, what is only stored is removed", () => {
      expect(
        counterExamples(
          ({ facts, look, plan }) => {
            if (settled(facts)) return true;
            if (facts.value !== "none") return plan.action === "follow_cache";
            return plan.action === (isStored(look) ? "remove" : "none");
          },
          ["cache"],
        ),
      ).toEqual([]);
    });

    it("store: what is stored is taken over, what is only cached is removed", () => {
      const taken = ["follow_store", "warm", "sync_now"];

      expect(
        counterExamples(
          ({ facts, look, plan }) => {
            if (settled(facts)) return true;
            if (isStored(look)) return taken.includes(plan.action);
            if (facts.value !== "none") return plan.action === "remove";
            return ["none", "drop_copy", "remove"].includes(plan.action);
          },
          ["store"],
        ),
      ).toEqual([]);
    });

    it("store and newest: an event that waits counts as stored", () => {
      const entry = entryOf({ version: versionNo(2) });
      const look = lookOf({
        events: [eventOf(entry)],
        shadow: shadowOf({ version: versionNo(1), value: "older" }),
      });
      const onlyEvent = lookOf({ cache: copyOf(entry), events: [eventOf(entry)] });

      for (const strategy of ["store", "newest"] as const) {
        expect(planRepair(look, "overdue", strategy).action).toBe("sync_now");
        expect(planRepair(onlyEvent, "overdue", strategy).action).not.toBe("remove");
      }
    });

    it("newest: the later version wins, whichever side has it", () => {
      const cached = entryOf({ version: versionNo(2), value: "cached" });
      const older = shadowOf({ version: versionNo(1), value: "stored" });
      const newer = shadowOf({ version: versionNo(3), value: "stored" });
      const plan = (look: Look) =>
        planRepair(look, classify(look, OBJECTIVE_MS).copyClass, "newest").action;

      expect(plan(lookOf({ cache: copyOf(cached), shadow: older }))).toBe("follow_cache");
      expect(plan(lookOf({ cache: copyOf(cached), shadow: newer }))).toBe("follow_store");
    });

    it("newest: a delete that is later wins over a value", () => {
      const deleted = tombstoneOf({ version: versionNo(2) });
      const shadow = shadowOf({ version: versionNo(1), value: "stored" });

      expect(
        planRepair(lookOf({ cache: copyOf(deleted), shadow }), "missing", "newest").action,
      ).toBe("remove");
    });

    it("newest: a value that was evicted is not taken for a newer nothing", () => {
      const entry = entryOf({ version: versionNo(2) });
      const cold = lookOf({
        cache: { ...copyOf(entry), value: undefined },
        shadow: shadowOf({ version: versionNo(2) }),
      });

      expect(planRepair(cold, "cold", "newest").action).toBe("follow_store");
    });
  });
});
