import { openDoctor } from "../app/open-doctor.ts";
import { parseConfig } from "../config/parse-config.ts";
import { makeRedactor } from "../config/secrets.ts";
import type { Diagnosis } from "../doctor/doctor.ts";
import { systemClock } from "../lib/clock.ts";
import { silentLog } from "../lib/log.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import type { LookCommand } from "./parse-operator-command.ts";
import { printFindings } from "./print-findings.ts";

/** Looks at the backends and prints what was found. Error: CONFIG_INVALID. */
export async function runDoctor(command: LookCommand, context: CliContext): Promise<ExitCode> {
  const { state, findings, redact } = await examine(context);
  const text = command.json ? `${JSON.stringify({ state, findings })}\n` : printFindings(findings);
  context.stdout.write(redact(text));
  return isGood({ state }, command) ? 0 : 1;
}

/** What a doctor says of the backends that the environment names. Error: CONFIG_INVALID. */
export async function examine({
  env,
}: Pick<CliContext, "env">): Promise<Diagnosis & { readonly redact: (text: string) => string }> {
  const { config, warnings } = parseConfig(env);
  const doctor = await openDoctor(config, {
    clock: systemClock,
    log: silentLog,
    nodeVersion: process.version,
    configWarnings: warnings,
  });
  try {
    return { ...(await doctor.examine()), redact: makeRedactor(config) };
  } finally {
    await doctor.close();
  }
}

/** Whether a deployment may go on with this. */
export function isGood({ state }: Pick<Diagnosis, "state">, { strict }: LookCommand): boolean {
  return state === "ok" || (state === "warning" && !strict);
}
