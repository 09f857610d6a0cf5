import { type Finding, ok, problem, warning } from "./finding.ts";
import { isAtLeastVersion } from "./is-at-least.ts";

/** What does not depend on any backend. */
export function judgeProcess({
  nodeVersion,
  configWarnings,
}: {
  readonly nodeVersion: string;
  /** As the configuration was read: unknown variables. */
  readonly configWarnings: readonly string[];
}): readonly Finding[] {
  return [judgeNode(nodeVersion), ...judgeVariables(configWarnings)];
}

function judgeNode(nodeVersion: string): Finding {
  const says = `Node ${nodeVersion.replace(/^v/, "")}.`;
  if (isAtLeastVersion(nodeVersion, 20, 19) === true) return ok("node", says);
  return problem("node", says, "Use Node 20.19 or later.");
}

function judgeVariables(warnings: readonly string[]): readonly Finding[] {
  if (warnings.length === 0) return [ok("variables", "Every variable that is set is known.")];
  return warnings.map((says) =>
    warning("variables", says, "Correct its name, or take it away; docs/CONFIG.md lists them all."),
  );
}
