import { appendFileSync } from "node:fs";
import { describe, expect } from "@jest/globals";
import { isMissing, publishedServers, type ServerName } from "./found-servers.ts";

/** One line of the file named by `LOCKSTEP_TEST_SKIPPED`, which scripts/test.mjs reads back. */
export interface SkippedSuite {
  readonly suite: string;
  readonly file: string;
  readonly server: ServerName;
  readonly missing: string;
  readonly remedy: string;
}

/**
 * A `describe` for tests against real servers. Where one of them cannot be had, the suite is
 * skipped, says so in its title, and is named again at the end of the run.
 */
export function describeWith(
  servers: readonly ServerName[],
  title: string,
  suite: () => void,
): void {
  const skipped = firstMissing(servers, title);
  if (skipped === undefined) {
    describe(title, suite);
    return;
  }
  recordSkip(skipped);
  describe.skip(`${title} (skipped: no ${skipped.server})`, suite);
}

function firstMissing(servers: readonly ServerName[], suite: string): SkippedSuite | undefined {
  const found = publishedServers();
  if (found === undefined) {
    throw new Error("This project of jest.config.js lacks the global setup that finds servers.");
  }
  for (const server of servers) {
    const looked = found[server];
    if (!isMissing(looked)) continue;
    return { suite, file: expect.getState().testPath ?? "", server, ...looked };
  }
  return undefined;
}

/** Suites are in several workers; appending short lines is safe between processes. */
function recordSkip(skipped: SkippedSuite): void {
  const path = process.env["LOCKSTEP_TEST_SKIPPED"];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(skipped)}\n`);
}
