import { parseArgs } from "node:util";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { runDemo } from "./run-demo.ts";

const USAGE = `npm run demo [-- --clean]

Writes about 2,500 real records, verifies them, changes one key on each side behind the server's back, and repairs both.
Runs in a temporary folder, or on the servers that REDIS_URL and MONGODB_URI name, where it touches keys under demo:
only and removes them again. --clean removes what a killed run has left there.

Exit: 0 all as expected, 1 not, 2 cannot run, 130 interrupted.`;

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // Cleaning up takes a moment; whoever asks twice does without.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });
}
// A reader that goes away (a pipe into head) must not keep the servers from being cleaned up.
process.stdout.on("error", () => stop.abort());

process.exitCode = await main();

async function main(): Promise<number> {
  const { values: given } = parseArgs({
    options: {
      clean: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (given.help) {
    console.log(USAGE);
    return 0;
  }
  try {
    const wrong = await runDemo({
      env: process.env,
      onlyClean: given.clean,
      stop: stop.signal,
      print: (line) => console.log(line),
      progress,
    });
    for (const line of wrong) console.log(`NOT AS EXPECTED: ${line}`);
    if (wrong.length === 0) {
      console.log(given.clean ? "Removed." : "\nAll as expected, and all of it removed again.");
    }
    return wrong.length === 0 ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) {
      console.log("Interrupted; everything was removed again.");
      return 130;
    }
    console.error(`The demo cannot run: ${reasonOf(error)}`);
    return 2;
  }
}

/** Only where the next line can take its place. */
function progress(line: string): void {
  if (process.stdout.isTTY) process.stdout.write(`${line}\r`);
}

function reasonOf(error: unknown): string {
  if (error instanceof LockstepError) return `${error.code}: ${error.message} ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}
