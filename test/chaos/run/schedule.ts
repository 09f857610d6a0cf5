import { SeededRandom } from "../../support/seeded-random.ts";
import type { Fault } from "../faults/fault.ts";
import type { Family } from "./family.ts";

/** One or two faults that hold together, counted in calls of the load, since time says nothing on a slow machine. */
export interface Step {
  readonly faults: readonly Fault[];
  /** Calls that end before the first fault, and between the two. */
  readonly calmCalls: number;
  /** Calls that end while they hold. */
  readonly holdCalls: number;
}

/** The same seed makes the same plan. */
export function planSchedule(family: Family, seed: number, steps: number): readonly Step[] {
  const random = new SeededRandom(seed);
  // Each kind has its turn before any comes again: a short run should leave none out.
  let kinds: Family["faults"][number][] = [];
  return Array.from({ length: steps }, () => {
    if (kinds.length === 0) kinds = shuffled(family.faults, random);
    const faults = [kinds.pop()!(random, family)];
    if (random.fraction() < 0.4) {
      const second = random.pick(family.faults)(random, family);
      if (second.subject !== faults[0]!.subject) faults.push(second);
    }
    return { faults, calmCalls: 10 + random.integer(60), holdCalls: 10 + random.integer(90) };
  });
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  return Array.from(
    { length: items.length },
    () => left.splice(random.integer(left.length), 1)[0]!,
  );
}

export function describeSchedule(schedule: readonly Step[]): readonly string[] {
  return schedule.map(
    ({ faults, calmCalls, holdCalls }, at) =>
      `${at + 1}. after ${calmCalls} calls: ${faults.map(({ name }) => name).join(" + ")}, for ${holdCalls} calls`,
  );
}
