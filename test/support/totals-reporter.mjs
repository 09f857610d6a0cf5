import { writeFileSync } from "node:fs";

/** Leaves the totals of a run in the file that scripts/test.mjs names, for its closing line. */
export default class TotalsReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.LOCKSTEP_TEST_TOTALS;
    if (file === undefined) return;
    const totals = {
      passed: results.numPassedTests,
      // A file can fail as such: it does not load, or it leaves something open.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    writeFileSync(file, JSON.stringify(totals));
  }
}
