import { lineOf, type RecordedCall } from "./run/recorded-call.ts";
import type { RunResult } from "./run/run-chaos.ts";
import { describeSchedule } from "./run/schedule.ts";

/** A broken run can break a hundred promises, each for the same reason. */
const SHOWN_MAX = 20;

/** The rest is in the folder. */
const HISTORIES_MAX = 3;

/** What a person needs to find out what happened: the seed, the plan, what is broken, and the histories of such keys. */
export function describeFailure({
  family,
  seed,
  schedule,
  history,
  violations,
  folder,
}: RunResult): string {
  const shown = violations.slice(0, SHOWN_MAX);
  const keys = [...new Set(violations.flatMap(({ key }) => (key === undefined ? [] : [key])))];
  return [
    `Chaos ${family.name}, seed ${seed}: ${violations.length} promises broken.`,
    `Repeat: npm run chaos -- --family ${family.name} --seed ${seed} --runs 1`,
    `Logs, files and the whole history: ${folder}`,
    "",
    "Broken:",
    ...shown.map(({ key, what }) => `  ${key ?? ""} ${what}`),
    "",
    "Faults:",
    ...describeSchedule(schedule).map((line) => `  ${line}`),
    ...keys
      .slice(0, HISTORIES_MAX)
      .flatMap((key) => ["", `History of ${key}:`, ...historyOf(history, key)]),
  ].join("\n");
}

function historyOf(history: readonly RecordedCall[], key: string): readonly string[] {
  return history
    .filter((call) => call.key === key)
    .toSorted((one, other) => one.beganMs - other.beganMs)
    .map((call) => `  ${lineOf(call)}`);
}

/** One line of a run that held. */
export function describeSuccess({
  family,
  seed,
  schedule,
  history,
  verifications,
}: RunResult): string {
  const count = (kind: RecordedCall["outcome"]["kind"]) =>
    history.filter(({ outcome }) => outcome.kind === kind).length;
  return `${family.name}, seed ${seed}: ${schedule.length} steps; ${count("written")} writes acknowledged, ${count("read")} reads, ${count("refused")} refused, ${count("unknown")} unknown; ${verifications} verifications`;
}
