import { type CopyClass, classify, isIssue, type Look } from "../../../src/verify/classify.ts";
import {
  planRepair,
  type RepairAction,
  type RepairStrategy,
} from "../../../src/verify/plan-repair.ts";
import type { Seen } from "../servers/redis.ts";
import type { Entry, Event } from "../world.ts";
import { eventOf, observationOf, shadowOf } from "./observation.ts";

/** What a verifier has seen of the key: the cache, then the events, then the row. */
export interface Picture {
  readonly seen: Seen;
  readonly events: readonly Event[];
  readonly row: Entry | null;
}

/** No model knows how long anything takes, so nothing is ever overdue. */
const ANY_AGE_MS = Number.POSITIVE_INFINITY;

const verdicts = new Map<string, CopyClass>();

/** The class that the real classifier gives. */
export function classOf(picture: Picture): CopyClass {
  const text = JSON.stringify(picture);
  let copyClass = verdicts.get(text);
  if (copyClass === undefined) {
    copyClass = classify(realLook(picture), ANY_AGE_MS).copyClass;
    verdicts.set(text, copyClass);
  }
  return copyClass;
}

export function showsIssue(picture: Picture): boolean {
  return isIssue(classOf(picture));
}

/** What the real planner would do about it. */
export function planFor(
  picture: Picture,
  copyClass: CopyClass,
  strategy: RepairStrategy,
): RepairAction {
  return planRepair(realLook(picture), copyClass, strategy).action;
}

function realLook({ seen, events, row }: Picture): Look {
  return {
    cache: observationOf(seen),
    events: events.map(eventOf),
    shadow: shadowOf(row),
    removalProven: false,
  };
}
