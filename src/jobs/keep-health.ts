import { KV } from "../models/model.ts";
import type { CheckedHealth } from "../verify/health-check.ts";
import { type CheckRunner, errorText } from "./check-runner.ts";
import { kvFindings } from "./kv-target.ts";

/** Puts what the health check finds among the results of the jobs. */
export function keepHealth(
  runner: Pick<CheckRunner, "keep">,
  intervalMs: number,
): (checked: CheckedHealth) => Promise<void> {
  const reason = `The health check of every ${intervalMs / 1000} s`;
  return async ({ atMs, tookMs, came }) => {
    const findings = "report" in came ? kvFindings(came.report) : null;
    const error = "error" in came ? errorText(came.error) : null;
    await runner.keep({ job: "health_check", model: KV, reason, atMs, tookMs, findings, error });
  };
}
