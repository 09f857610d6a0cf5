#!/usr/bin/env node
import { constants } from "node:os";
import { runCli } from "./cli/run-cli.ts";

const stop = new AbortController();
const gaveUp = new Error("An unexpected error has stopped the process.");

let isOver = false;
// Node itself ends with 1 after an error that nobody caught, and whoever runs a command from cron would take that for drift.
process.on("exit", () => {
  if (!isOver) process.exitCode = 2;
});

// Without a listener, a reader that goes away would end the process with an exception in the middle of work.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait for running calls; the code is the one that shells show for such an end.
    if (stop.signal.aborted) end(128 + constants.signals[signal]);
    stop.abort();
  });
}

const code = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  isTerminal: process.stderr.isTTY,
  stop: stop.signal,
  giveUp: () => stop.abort(gaveUp),
});

// The answer is out before the exit; a reader that has gone away calls back with an error, which is as good.
await new Promise<void>((resolve) => {
  process.stdout.write("", () => resolve());
});
end(stop.signal.reason === gaveUp ? 2 : code);

function end(code: number): never {
  isOver = true;
  process.exit(code);
}
