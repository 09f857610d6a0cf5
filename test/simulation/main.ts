import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";
import { simulateStoreFirst } from "./store-first/simulate-store-first.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    // Whose runs: processes with Redis, or without.
    authority: { type: "string", default: "both" },
    policy: { type: "string" },
    "policy-flips": { type: "boolean", default: false },
  },
});

const options = {
  flipsPolicy: values["policy-flips"],
  // Instead of the policy that the seed gives.
  ...(values.policy === undefined ? {} : { maxmemoryPolicy: values.policy }),
};

type Authority = "cache-first" | "store-first";

const authorities: readonly Authority[] =
  values.authority === "cache-first" || values.authority === "store-first"
    ? [values.authority]
    : ["cache-first", "store-first"];

const run = (authority: Authority, seed: number, lines?: string[]) => {
  const told = lines === undefined ? {} : { lines };
  return authority === "cache-first"
    ? simulate(seed, { ...options, ...told })
    : simulateStoreFirst(seed, told);
};

process.exitCode = values.seed === undefined ? await runMany() : await showOne(Number(values.seed));

/** Runs seed after seed, and names those that fail. */
async function runMany(): Promise<number> {
  const from = Number(values.from);
  const seeds = Number(values.seeds);
  const codes = [];
  for (const authority of authorities) codes.push(await runSeeds(authority, from, seeds));
  return Math.max(...codes);
}

async function runSeeds(authority: Authority, from: number, seeds: number): Promise<number> {
  const totals = { acknowledged: 0, unknown: 0, refused: 0, reads: 0, failed: 0, lost: 0 };
  const failed: number[] = [];
  let simulatedMs = 0;
  const startedMs = performance.now();
  for (let seed = from; seed < from + seeds; seed += 1) {
    const result = await run(authority, seed);
    simulatedMs += result.simulatedMs;
    for (const name of Object.keys(totals) as (keyof typeof totals)[])
      totals[name] += result.counts[name];
    if (result.violation === undefined) continue;
    failed.push(seed);
    console.log(`${authority}, seed ${seed}: ${result.violation}`);
  }
  const tookSec = (performance.now() - startedMs) / 1000;
  const hours = (simulatedMs / 3_600_000).toFixed(1);
  console.log(`${authority}: ${seeds} seeds in ${tookSec.toFixed(1)} s, ${hours} simulated hours`);
  console.log(
    Object.entries(totals)
      .map(([name, count]) => `${name} ${count}`)
      .join(", "),
  );
  if (failed.length === 0) return 0;
  console.log(
    `${failed.length} failed. npm run simulate -- --authority ${authority} --seed ${failed[0]} shows the steps.`,
  );
  return 1;
}

async function showOne(seed: number): Promise<number> {
  const codes = [];
  for (const authority of authorities) {
    const lines: string[] = [];
    const { violation } = await run(authority, seed, lines);
    for (const line of lines) console.log(line);
    console.log(`${authority}, seed ${seed}: ${violation ?? "no violation"}`);
    codes.push(violation === undefined ? 0 : 1);
  }
  return Math.max(...codes);
}
