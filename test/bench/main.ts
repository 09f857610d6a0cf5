import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import globalSetup from "../support/servers/global-setup.ts";
import type { Bench } from "./bench-options.ts";
import { describeMachine } from "./describe-machine.ts";
import type { Figure, Metric } from "./figure.ts";
import { measureDrain } from "./p4-drain.ts";
import { measureRedisBytes } from "./p8-redis-bytes.ts";
import { measureStart } from "./p11-start.ts";
import { measureMemory } from "./p12-memory.ts";
import { tableOf } from "./table.ts";

const BENCHES: Readonly<Record<Metric, Bench>> = {
  P4: measureDrain,
  P8: measureRedisBytes,
  P11: measureStart,
  P12: measureMemory,
};

const USAGE = `npm run bench -- [--only P4,P8,...] [--rounds 5] [--json FILE] [--small]

Measures ${Object.keys(BENCHES).join(", ")} against ceilings of the same run, on servers of its own.
--small shows in a few seconds that everything works; its figures mean nothing.`;

const { values: given } = parseArgs({
  options: {
    only: { type: "string" },
    rounds: { type: "string", default: "5" },
    json: { type: "string" },
    small: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (given.help) {
  console.log(USAGE);
} else {
  await run();
}

async function run(): Promise<void> {
  const metrics = chosenMetrics(given.only);
  // It tells on stderr which servers it has found.
  await globalSetup();
  const figures: Figure[] = [];
  for (const metric of metrics) {
    const measured = await BENCHES[metric]({
      small: given.small,
      rounds: given.small ? 1 : Number(given.rounds),
      warmUp: !given.small,
      say: (text) => console.error(text),
    });
    figures.push(...measured);
  }
  const machine = describeMachine();
  if (given.json !== undefined) {
    const result = { command: commandLine(), machine, figures };
    await writeFile(given.json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  if (given.small)
    console.log("A small run: only that it ends means anything, the figures do not.\n");
  console.log(tableOf(figures));
  const { system, cores, node, redis, mongodb } = machine;
  console.log(`\n${cores} cores, ${system}, Node ${node}, Redis ${redis}, MongoDB ${mongodb}`);
}

function chosenMetrics(only: string | undefined): readonly Metric[] {
  const all = Object.keys(BENCHES) as Metric[];
  if (only === undefined) return all;
  return only.split(",").map((name) => {
    const metric = all.find((one) => one === name.trim().toUpperCase());
    if (metric === undefined) throw new Error(`There is no benchmark ${name}.\n\n${USAGE}`);
    return metric;
  });
}

function commandLine(): string {
  return ["npm run bench --", ...process.argv.slice(2)].join(" ");
}
