import { PINNED } from "./pinned.ts";
import { RECOVERY } from "./recovery.ts";
import type { Scenario } from "./scenario.ts";
import { STORE_FIRST } from "./store-first.ts";
import { UNPINNED } from "./unpinned.ts";

export const SCENARIOS: readonly Scenario[] = [...PINNED, ...RECOVERY, ...UNPINNED, ...STORE_FIRST];

export function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found === undefined) throw new RangeError(`There is no scenario "${name}".`);
  return found;
}
