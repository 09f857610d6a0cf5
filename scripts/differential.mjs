// Runs the comparisons of test/differential; `npm run differential -- --help` says how.

import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";

const HELP = `npm run differential -- [options] [file] [options of Jest]

Sends seeded streams of steps to implementations that must answer alike, and fails with the first difference.

  --seeds <n>   streams of each comparison (100)
  --from <n>    the first seed; without it, it begins anywhere, at streams that no run has seen
  --steps <n>   steps in a stream of tool calls (30)
  --shrink      leave out of a stream that differs what it does not need for that; may take minutes
  --help        print this

A file names one comparison: cache, store, or tools. So the same stream again, cut to what matters:

  npm run differential -- tools --seeds 1 --from 7 --steps 200 --shrink
`;

const { values, tokens } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string" },
    steps: { type: "string" },
    shrink: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
  strict: false,
  tokens: true,
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}

const own = new Set(["seeds", "from", "steps", "shrink"]);
const files = new Set(["cache", "store", "tools"]);
const passedOn = tokens
  .filter((token) => token.kind !== "option" || !own.has(token.name))
  .flatMap((token) => {
    if (token.kind !== "option") {
      return files.has(token.value)
        ? [`--testPathPatterns=differential/${token.value}.test`]
        : [token.value ?? "--"];
    }
    return token.inlineValue ? [`${token.rawName}=${token.value}`] : [token.rawName];
  });
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
      ...(values.steps === undefined ? {} : { LOCKSTEP_DIFFERENTIAL_STEPS: values.steps }),
      ...(values.shrink ? { LOCKSTEP_DIFFERENTIAL_SHRINK: "1" } : {}),
    },
  },
);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => test.kill(signal));
const [code] = await once(test, "exit");
process.exitCode = code ?? 1;
