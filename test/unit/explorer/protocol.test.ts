import { readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";
import { explore } from "../../explorer/kernel/explore.ts";
import { remove, rowOf, TABLE_HEAD } from "../../explorer/mechanism-report.ts";
import { MISSED_IN } from "../../explorer/mechanism-table.ts";
import { ALL_RULES, MECHANISM_NAMES } from "../../explorer/mechanisms.ts";
import { modelOf } from "../../explorer/scenarios/scenario.ts";
import { SCENARIOS, scenarioNamed } from "../../explorer/scenarios/scenarios.ts";

/** Twice what the largest small scenario has: past it, a model has grown by mistake. */
const STATES_MAX = 50_000;

const SMALL = SCENARIOS.filter(({ isLarge }) => isLarge !== true);

describe("The protocol", () => {
  it.each(SMALL.map(({ name }) => name))("holds in every state: %s", (name) => {
    const model = modelOf(scenarioNamed(name), ALL_RULES);

    const { violation, complete } = explore(model, { statesMax: STATES_MAX });

    expect(violation).toBeUndefined();
    expect(complete).toBe(true);
  });

  it.each(MECHANISM_NAMES)("breaks without %s, as docs/EXPLORER.md says", async (removed) => {
    const page = await readFile("docs/EXPLORER.md", "utf8");

    const removal = remove(removed);

    expect(removal.what).toContain(MISSED_IN[removed].what);
    expect(page).toContain(TABLE_HEAD);
    expect(page).toContain(rowOf(removal));
  });
});
