import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    policy: { type: "string" },
    "policy-flips": { type: "boolean", default: false },
  },
});

const options = {
  flipsPolicy: values["policy-flips"],
  // Instead of the policy that the seed gives.
  ...(values.policy === undefined ? {} : { maxmemoryPolicy: values.policy }),
};

process.exitCode = values.seed === undefined ? await runMany() : await showOne(Number(values.seed));

/** Runs seed after seed, and names those that fail. */
async function runMany(): Promise<number> {
  const from = Number(values.from);
  const seeds = Number(values.seeds);
  const totals = { acknowledged: 0, unknown: 0, refused: 0, reads: 0, failed: 0 };
  const failed: number[] = [];
  let simulatedMs = 0;
  const startedMs = performance.now();
  for (let seed = from; seed < from + seeds; seed += 1) {
    const result = await simulate(seed, options);
    simulatedMs += result.simulatedMs;
    for (const name of Object.keys(totals) as (keyof typeof totals)[])
      totals[name] += result.counts[name];
    if (result.violation === undefined) continue;
    failed.push(seed);
    console.log(`seed ${seed}: ${result.violation}`);
  }
  const tookSec = (performance.now() - startedMs) / 1000;
  const hours = (simulatedMs / 3_600_000).toFixed(1);
  console.log(`${seeds} seeds in ${tookSec.toFixed(1)} s, ${hours} simulated hours`);
  console.log(
    Object.entries(totals)
      .map(([name, count]) => `${name} ${count}`)
      .join(", "),
  );
  if (failed.length === 0) return 0;
  console.log(`${failed.length} failed. npm run simulate -- --seed ${failed[0]} shows the steps.`);
  return 1;
}

async function showOne(seed: number): Promise<number> {
  const lines: string[] = [];
  const { violation } = await simulate(seed, { ...options, lines });
  for (const line of lines) console.log(line);
  console.log(
    violation === undefined ? `seed ${seed}: no violation` : `seed ${seed}: ${violation}`,
  );
  return violation === undefined ? 0 : 1;
}
