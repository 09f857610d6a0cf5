import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { BATCH_MECHANISMS, type BatchMechanism, twoBuckets } from "./batches/two-buckets.ts";
import { explore } from "./kernel/explore.ts";
import type { Exploration } from "./kernel/model.ts";
import { type Removal, remove, rowOf, TABLE_HEAD } from "./mechanism-report.ts";
import { MISSED_IN } from "./mechanism-table.ts";
import { ALL_RULES, MECHANISM_NAMES } from "./mechanisms.ts";
import { modelOf, type Size } from "./scenarios/scenario.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";
import { traceSteps } from "./trace.ts";
import type { World } from "./world.ts";

const USAGE = `npm run explore -- [--small] [--only TEXT] [--depth STEPS] [--states-max 5000000] [--json FILE]

Visits every state of each scenario of the protocol (with --only, those whose name contains TEXT; with --depth, only ways
of so many steps), then takes each mechanism away and shows the shortest way to what breaks without it. --json keeps
those ways as data. Ends with 1 if the protocol breaks, or if it holds without one of its mechanisms, and with 2 if a
scenario was not finished within --states-max.`;

const { values: given } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    depth: { type: "string" },
    "states-max": { type: "string", default: "5000000" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

if (given.help) console.log(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const explored = exploreScenarios(given.small ? "small" : "large");
  const removals = removeMechanisms();
  if (given.json !== undefined) await writeFile(given.json, jsonOf(removals));
  const batchesHold = exploreBatches();
  const broken = explored.filter(({ violation }) => violation !== undefined).length;
  const unfinished = explored.filter(
    ({ complete, violation }) => !complete && violation === undefined,
  );
  const idle = removals.filter(({ what }) => what === undefined).length;
  console.log(`
${explored.length} scenarios, ${figure(explored.reduce((sum, { states }) => sum + states, 0))} states: ${broken} broken, ${unfinished.length} not finished.
${removals.length} mechanisms taken away: ${idle} not missed.`);
  if (broken > 0 || idle > 0 || !batchesHold) return 1;
  return unfinished.length > 0 && given.depth === undefined ? 2 : 0;
}

function exploreScenarios(size: Size): readonly Exploration<World>[] {
  const chosen = SCENARIOS.filter(({ name }) => name.includes(given.only));
  return chosen.map((scenario) => {
    const startedMs = performance.now();
    const explored = explore(modelOf(scenario, ALL_RULES, size), {
      statesMax: Number(given["states-max"]),
      ...(given.depth !== undefined && { depthMax: Number(given.depth) }),
      onDepth: (depth, states) =>
        progress(`${scenario.name}: ${figure(states)} states, ${depth} deep`),
    });
    progress("");
    console.log(lineOf(explored, (performance.now() - startedMs) / 1000));
    printTrace(explored.violation?.trace ?? []);
    return explored;
  });
}

/** Several buckets in one batch, a model of its own. */
function exploreBatches(): boolean {
  const limits = { statesMax: Number(given["states-max"]) };
  const { model, states, violation, complete } = explore(twoBuckets(), limits);
  console.log(`\n${model}: ${figure(states)} states, ${violation?.what ?? "holds"}`);
  const names = Object.keys(BATCH_MECHANISMS) as BatchMechanism[];
  const breaks = names.map((name) => {
    const { violation: missed } = explore(twoBuckets(name), limits);
    console.log(`without ${name} (${BATCH_MECHANISMS[name]}): ${missed?.what ?? "nothing breaks"}`);
    printTrace(missed?.trace ?? []);
    return missed !== undefined;
  });
  return complete && !breaks.includes(false);
}

function lineOf(
  { model, states, steps, depth, complete, violation }: Exploration<World>,
  seconds: number,
): string {
  const counts = `${figure(states, 10)} states ${figure(steps, 11)} steps ${figure(depth, 3)} deep`;
  const speed = `${seconds.toFixed(1).padStart(6)} s ${figure(Math.round(states / seconds), 8)} states/s`;
  const isCut = given.depth !== undefined && depth >= Number(given.depth);
  const soFar = complete ? "holds" : isCut ? `holds for ${depth} steps` : "NOT FINISHED";
  const ended = violation?.what ?? soFar;
  return `${model.padEnd(34)}${counts} ${speed}  ${ended}`;
}

function removeMechanisms(): readonly Removal[] {
  const chosen = MECHANISM_NAMES.filter((name) => MISSED_IN[name].scenario.includes(given.only));
  console.log(`\n${TABLE_HEAD}`);
  return chosen.map((name) => {
    const removal = remove(name);
    console.log(rowOf(removal));
    return removal;
  });
}

function printTrace(trace: readonly string[]): void {
  trace.forEach((step, index) => console.log(`  ${figure(index + 1, 3)}. ${step}`));
}

/** One line that is written over and over, where someone is looking. */
function progress(text: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.clearLine(0);
  process.stderr.cursorTo(0);
  process.stderr.write(text);
}

function jsonOf(removals: readonly Removal[]): string {
  const traces = removals.map(({ trace, ...removal }) => ({
    ...removal,
    steps: traceSteps(trace),
  }));
  return `${JSON.stringify(traces, null, 2)}\n`;
}

function figure(number: number, width = 0): string {
  return number.toLocaleString("en").padStart(width);
}
