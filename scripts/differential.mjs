// Runs the comparisons of test/differential: `npm run differential -- --seeds 500 --from 1000`. Without `--from` it begins
// anywhere, so that each run looks at streams that no run has seen. What else is given goes to Jest.

import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values, tokens } = parseArgs({
  options: { seeds: { type: "string", default: "100" }, from: { type: "string" } },
  strict: false,
  tokens: true,
});
const own = new Set(["seeds", "from"]);
const passedOn = tokens
  .filter((token) => token.kind !== "option" || !own.has(token.name))
  .flatMap((token) => (token.kind === "option" ? [token.rawName] : [token.value ?? "--"]));
const from = values.from ?? String(randomInt(2 ** 31));
console.log(`${values.seeds} seeds from ${from} on`);

const test = spawn(
  process.execPath,
  [join(import.meta.dirname, "test.mjs"), "--selectProjects", "differential", ...passedOn],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      LOCKSTEP_DIFFERENTIAL_SEEDS: values.seeds,
      LOCKSTEP_TEST_SEED: from,
    },
  },
);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => test.kill(signal));
const [code] = await once(test, "exit");
process.exitCode = code ?? 1;
