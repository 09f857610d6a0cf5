import { openDoctor } from "../app/open-doctor.ts";
import { parseConfig } from "../config/parse-config.ts";
import { makeRedactor } from "../config/secrets.ts";
import type { Finding } from "../doctor/finding.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import type { DoctorCommand } from "./parse-operator-command.ts";
import { printFindings } from "./print-findings.ts";

/** Looks at the backends and prints what was found. Errors: CONFIG_INVALID. */
export async function runDoctor(
  { json, strict }: DoctorCommand,
  context: CliContext,
): Promise<ExitCode> {
  const { config, warnings } = parseConfig(context.env);
  const redact = makeRedactor(config);
  const doctor = await openDoctor(config, {
    clock: systemClock,
    log: silentLog,
    nodeVersion: process.version,
    configWarnings: warnings,
  });
  try {
    const { state, findings } = await doctor.examine();
    const text = json ? `${JSON.stringify({ state, findings })}\n` : printFindings(findings);
    context.stdout.write(redact(text));
    return isGood(state, strict) ? 0 : 1;
  } finally {
    await doctor.close();
  }
}

/** Whether a deployment may go on with this. */
function isGood(state: Finding["state"], strict: boolean): boolean {
  return state === "ok" || (state === "warning" && !strict);
}
