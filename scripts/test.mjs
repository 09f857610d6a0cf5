// Runs Jest with the arguments given, then says loudly which suites were skipped for want of a
// server, and ends with one line of totals. `LOCKSTEP_TEST_REQUIRE=redis,mongodb` makes the want of
// a server a failure.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "lockstep-test-run-"));
const totalsFile = join(folder, "totals.json");
const skippedFile = join(folder, "skipped.jsonl");

try {
  const jestExit = await runJest(process.argv.slice(2));
  const skipped = readSkipped();
  for (const line of describeSkipped(skipped)) console.log(line);
  const required = skipped.filter(isRequired);
  if (required.length > 0) console.log("A required server is missing: this run has failed.");
  console.log(closingLine(readTotals(jestExit)));
  process.exitCode = jestExit !== 0 || required.length > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Resolves with 0 when all tests passed. An interrupt is passed on, so that servers are ended. */
async function runJest(args) {
  const node = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
  const jest = fileURLToPath(import.meta.resolve("jest/bin/jest"));
  const child = spawn(process.execPath, [...node, jest, ...args], {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      LOCKSTEP_TEST_SKIPPED: skippedFile,
      LOCKSTEP_TEST_TOTALS: totalsFile,
    },
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "exit");
  return code ?? 1;
}

/** Jest can end before it has totals, as when a server is required and missing. */
function readTotals(jestExit) {
  if (existsSync(totalsFile)) return JSON.parse(readFileSync(totalsFile, "utf8"));
  return { passed: 0, failed: jestExit === 0 ? 0 : 1, skipped: 0 };
}

function readSkipped() {
  if (!existsSync(skippedFile)) return [];
  const lines = readFileSync(skippedFile, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line));
}

function describeSkipped(skipped) {
  if (skipped.length === 0) return [];
  const servers = new Map(skipped.map((suite) => [suite.server, suite]));
  return [
    "",
    `SKIPPED: ${skipped.length} suites, for want of ${[...servers.keys()].join(" and ")}.`,
    ...skipped.map(({ file, suite }) => `  ${relative(root, file)}: ${suite}`),
    ...[...servers].map(([name, { missing, remedy }]) => `No ${name}. ${missing} ${remedy}`),
    "",
  ];
}

/** "redis" stands for every version of it: see global-setup.ts, which asks the same. */
function isRequired({ server }) {
  const required = (process.env.LOCKSTEP_TEST_REQUIRE ?? "").split(",");
  return required.some((name) => server === name || server.startsWith(`${name}-`));
}

function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
