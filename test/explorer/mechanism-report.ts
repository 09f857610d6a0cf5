import { guaranteeOf } from "./guarantees.ts";
import { explore } from "./kernel/explore.ts";
import { MISSED_IN } from "./mechanism-table.ts";
import { MECHANISMS, type Mechanism, rulesWithout } from "./mechanisms.ts";
import { modelOf } from "./scenarios/scenario.ts";
import { scenarioNamed } from "./scenarios/scenarios.ts";

/** More than any scenario needs to break without one of its mechanisms. */
const STATES_MAX = 120_000;

/** What happens when one mechanism is taken away. */
export interface Removal {
  readonly removed: Mechanism;
  readonly scenario: string;
  /** What breaks; undefined where nothing does. */
  readonly what: string | undefined;
  readonly trace: readonly string[];
}

export function remove(removed: Mechanism): Removal {
  const { scenario } = MISSED_IN[removed];
  const model = modelOf(scenarioNamed(scenario), rulesWithout(removed));
  const { violation } = explore(model, { statesMax: STATES_MAX });
  return { removed, scenario, what: violation?.what, trace: violation?.trace ?? [] };
}

/** One row of the table in docs/EXPLORER.md. */
export function rowOf({ removed, scenario, what, trace }: Removal): string {
  const broken = what === undefined ? "nothing breaks" : `${guaranteeOf(what)}: ${textOf(what)}`;
  const cells = [`\`${removed}\``, MECHANISMS[removed], scenario, trace.join("; "), broken];
  return `| ${cells.join(" | ")} |`;
}

export const TABLE_HEAD = `| Mechanism | Without it | Scenario | Shortest trace | Broken |
| --- | --- | --- | --- | --- |`;

function textOf(what: string): string {
  return what.replace(/^G\d: /, "");
}
