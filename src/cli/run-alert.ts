import { openAlertSinks } from "../app/open-alerts.ts";
import { parseConfig } from "../config/parse-config.ts";
import { makeRedactor } from "../config/secrets.ts";
import { systemClock } from "../lib/clock.ts";
import { readPackageInfo } from "../lib/package-info.ts";
import { processName } from "../lib/process-name.ts";
import { systemRandom } from "../lib/random.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import type { AlertCommand } from "./parse-operator-command.ts";
import { printReport } from "./print-reply.ts";

/**
 * Sends a test to every way that is configured, and says what came of each; 2 where one of them did not take it. Neither cache
 * nor store is asked. Error: CONFIG_INVALID, also where no way is configured.
 */
export async function runAlert({ json }: AlertCommand, context: CliContext): Promise<ExitCode> {
  const { config } = parseConfig(context.env);
  const redact = makeRedactor(config);
  const sinks = await openAlertSinks(config);
  if (sinks.length === 0) {
    throw new LockstepError("CONFIG_INVALID", "There is no way for alerts.", {
      hint: "Set LOCKSTEP_ALERT_WEBHOOK_URL, LOCKSTEP_ALERT_SLACK_URL or LOCKSTEP_ALERT_SMTP_URL; docs/OPERATIONS.md shows examples.",
    });
  }
  const { testAlert } = await import("../alerts/make-alert.ts");
  const { deliverAlert } = await import("../alerts/deliver-alert.ts");
  const alert = testAlert({
    id: systemRandom.hex(8),
    by: processName(),
    version: readPackageInfo().version,
    atMs: systemClock.nowMs(),
  });
  const limits = { clock: systemClock, timeoutMs: config.alertTimeoutMs, signal: context.stop };
  const ways = await Promise.all(
    sinks.map(async (sink) => {
      const delivery = await deliverAlert(sink, alert, limits);
      const why = delivery.outcome === "delivered" ? delivery.but : delivery.why;
      return { way: sink.name, outcome: delivery.outcome, ...(why === undefined ? {} : { why }) };
    }),
  );
  const delivered = ways.every(({ outcome }) => outcome === "delivered");
  context.stdout.write(redact(printReport({ delivered, alert: alert.id, ways }, json)));
  return delivered ? 0 : 2;
}
