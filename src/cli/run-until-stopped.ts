import type { Clock } from "../lib/clock.ts";
import { settled } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import type { OperatorCommand } from "./parse-operator-command.ts";
import { CLEAR_LINE } from "./progress-line.ts";

/** How long a command that was told to stop may take for the step it is in, milliseconds: a person is waiting. */
const STOP_LIMIT_MS = 1_500;

/**
 * Waits for an operator's command. Once the process is told to stop, the command ends after the step it is in; where that
 * step hangs it is left as a crash would leave it, from which each of these commands can go on too.
 */
export async function runUntilStopped(
  command: OperatorCommand,
  { stop, stderr, isTerminal }: Pick<CliContext, "stop" | "stderr" | "isTerminal">,
  { clock, work }: { readonly clock: Clock; readonly work: Promise<ExitCode> },
): Promise<ExitCode> {
  const over = new AbortController();
  const limit = whenAborted(stop, over.signal)
    .then(() => clock.sleep(STOP_LIMIT_MS, over.signal))
    .then(() => ({ outcome: "left" }) as const);
  const ended = await Promise.race([settled(work), limit]);
  over.abort("ended");
  if (ended.outcome === "done") return ended.value;
  if (ended.outcome === "failed" && !isStop(ended.error, stop)) throw ended.error;
  stderr.write(`${isTerminal ? CLEAR_LINE : ""}lockstep: stopped. ${howToGoOn(command)}\n`);
  return 2;
}

function whenAborted(stop: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener("abort", () => resolve(), { once: true, signal: over });
  });
}

function isStop(error: unknown, stop: AbortSignal): boolean {
  return stop.aborted && LockstepError.codeOf(error) === "ABORTED";
}

function howToGoOn(command: OperatorCommand): string {
  switch (command.kind) {
    case "backup":
      return "The same command with --resume goes on from there.";
    case "restore":
      return command.checkOnly
        ? CHANGED_NOTHING
        : "Run it again: what is there by now is only looked at.";
    case "reconcile_cache":
      return command.checkOnly ? CHANGED_NOTHING : "The same command goes on from there.";
    case "alert":
    case "check":
    case "doctor":
      return CHANGED_NOTHING;
  }
}

const CHANGED_NOTHING = "It has changed nothing, and begins anew when it is run again.";
