import { type Finding, ok, warning } from "./finding.ts";

/** Where alerts of the health check go, as far as the configuration tells. */
export interface AlertWays {
  readonly webhook: boolean;
  /** Whether the webhook is asked without TLS, on another machine. */
  readonly isInTheClear: boolean;
  readonly slack: boolean;
  /** How many addresses get mail. */
  readonly mailAddresses: number;
}

/** Nothing is sent: lockstep alert --test tries the ways. */
export function judgeAlerts({ webhook, slack, mailAddresses, isInTheClear }: AlertWays): Finding {
  const ways = [
    ...(webhook ? ["a webhook"] : []),
    ...(slack ? ["Slack"] : []),
    ...(mailAddresses > 0
      ? [`${mailAddresses} mail ${mailAddresses === 1 ? "address" : "addresses"}`]
      : []),
  ];
  if (ways.length === 0)
    return ok("alerts", "They are only logged: no LOCKSTEP_ALERT_… variable names a way.");
  const says = `They go to ${ways.join(", ")}; lockstep alert --test tries that.`;
  if (!isInTheClear) return ok("alerts", says);
  return warning(
    "alerts",
    `${says} The webhook is on another machine and is asked over plain HTTP, with the headers that are set.`,
    "Use an https:// address, or leave LOCKSTEP_ALERT_WEBHOOK_HEADERS out.",
  );
}
