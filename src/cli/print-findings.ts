import type { Finding } from "../doctor/finding.ts";

/** One line for each finding, what to do below it, and the count of what is not fine. */
export function printFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, says, hint }) => [
    `${state.padEnd("warning".length)}  ${check.padEnd(width)}  ${says}`,
    ...(hint === undefined ? [] : [`${" ".repeat("warning".length + width + 4)}→ ${hint}`]),
  ]);
  return `${lines.join("\n")}\n\n${countOf(findings)}\n`;
}

function countOf(findings: readonly Finding[]): string {
  const count = (state: Finding["state"]) => findings.filter((one) => one.state === state).length;
  const problems = count("problem");
  const warnings = count("warning");
  if (problems + warnings === 0) return "All is well.";
  return `${plural(problems, "problem")}, ${plural(warnings, "warning")}.`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
