import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Killer } from "./mutant.ts";

/** What became of the tests that one killer names. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** Far above what any killer needs; code that hangs fails by Jest's own limit before. */
const LIMIT_MS = 180_000;

/** Runs the tests of these killers in the tree, in one run of Jest, and tallies them in their order. */
export async function runKillers(
  tree: string,
  killers: readonly Killer[],
): Promise<readonly Tally[]> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-killers-"));
  try {
    const results = await runJest(tree, killers, join(folder, "results.json"));
    return killers.map((killer) => tallyOf(results, join(tree, killer.file), killer.test));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runJest(
  tree: string,
  killers: readonly Killer[],
  outputFile: string,
): Promise<JestResults> {
  const args = [
    "--experimental-vm-modules",
    "--disable-warning=ExperimentalWarning",
    join(tree, "node_modules/jest/bin/jest.js"),
    "--selectProjects",
    ...new Set(killers.map(({ project }) => project)),
    `--testNamePattern=${killers.map(({ test }) => escaped(test)).join("|")}`,
    `--reporters=${join(tree, "test/support/totals-reporter.mjs")}`,
    "--json",
    `--outputFile=${outputFile}`,
    "--runTestsByPath",
    ...new Set(killers.map(({ file }) => join(tree, file))),
  ];
  const { LOCKSTEP_TEST_TOTALS: _totals, LOCKSTEP_TEST_SKIPPED: _skipped, ...env } = process.env;
  const jest = spawn(process.execPath, args, {
    cwd: tree,
    env,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: LIMIT_MS,
  });
  const [said] = await Promise.all([text(jest.stderr), once(jest, "exit")]);
  try {
    return JSON.parse(readFileSync(outputFile, "utf8")) as JestResults;
  } catch (cause) {
    throw new Error(`Jest has no results. It said:\n${said}`, { cause });
  }
}

function tallyOf({ testResults }: JestResults, path: string, test: string): Tally {
  const file = testResults.find(({ name }) => name === path);
  if (file === undefined) throw new Error(`Jest did not run ${path}.`);
  const named = file.assertionResults.filter(({ fullName }) => fullName.includes(test));
  // A file that does not load says nothing of the rule: the replacement itself is wrong.
  if (file.assertionResults.length === 0) throw new Error(file.message);
  const count = (wanted: string) => named.filter(({ status }) => status === wanted).length;
  return { passed: count("passed"), failed: count("failed") };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** The part of Jest's JSON that is looked at. */
interface JestResults {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}
