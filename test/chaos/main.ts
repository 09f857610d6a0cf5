import { randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMissing, publishedServers, type ServerName } from "../support/servers/found-servers.ts";
import globalSetup from "../support/servers/global-setup.ts";
import { families, needsOf } from "./families.ts";
import { describeFailure, describeSuccess } from "./report.ts";
import type { Family } from "./run/family.ts";
import { runChaos } from "./run/run-chaos.ts";

const USAGE = `npm run chaos -- [--minutes 10] [--seed N] [--family NAME,...] [--runs N] [--steps 12] [--verbose]

Breaks real servers under load and checks what was promised, family after family, until the time is over or a promise is broken.
Each run takes the next seed; the same seed makes the same plan of faults. Families: ${families.map(({ name }) => name).join(", ")}.`;

const { values: given } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string" },
    family: { type: "string" },
    runs: { type: "string" },
    steps: { type: "string", default: "12" },
    verbose: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

// The servers that a run has started end with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

if (given.help) {
  console.log(USAGE);
} else {
  process.exitCode = (await run()) ? 0 : 1;
}

/** Answers whether every promise held. */
async function run(): Promise<boolean> {
  await globalSetup();
  const chosen = chosenFamilies(given.family);
  const first = given.seed === undefined ? randomInt(2 ** 31) : Number(given.seed);
  const runsMax = given.runs === undefined ? Number.POSITIVE_INFINITY : Number(given.runs);
  const endMs = performance.now() + Number(given.minutes) * 60_000;
  let failures = 0;
  for (let turn = 0; turn < runsMax && performance.now() < endMs; turn += 1) {
    const family = chosen[turn % chosen.length]!;
    if (!(await runOnce(family, first + Math.floor(turn / chosen.length)))) failures += 1;
  }
  console.log(failures === 0 ? "Every promise held." : `${failures} runs broke a promise.`);
  return failures === 0;
}

async function runOnce(family: Family, seed: number): Promise<boolean> {
  const result = await runChaos({
    family,
    seed,
    steps: Number(given.steps),
    clients: 6,
    holdLimitMs: 4_000,
    ...(given.verbose ? { say: (text: string) => console.error(`  ${text}`) } : {}),
  });
  if (result.folder === undefined) {
    console.log(describeSuccess(result));
    return true;
  }
  const report = describeFailure(result);
  await writeFile(join(result.folder, "report.txt"), report);
  console.log(report);
  return false;
}

function chosenFamilies(names: string | undefined): readonly Family[] {
  // What is missing has been told; a family that is asked for by its name says so itself.
  if (names === undefined) return families.filter((family) => needsOf(family).every(isThere));
  return names.split(",").map((name) => {
    const family = families.find((one) => one.name === name.trim());
    if (family === undefined) throw new Error(`There is no family ${name}.\n\n${USAGE}`);
    return family;
  });
}

function isThere(server: ServerName): boolean {
  const looked = publishedServers()?.[server];
  return looked !== undefined && !isMissing(looked);
}
