import { ERRORS, type ErrorFacts, type ErrorKind } from "../../src/model/error-table.ts";
import { cell } from "./cell.ts";

const KINDS: Readonly<Record<ErrorKind, string>> = {
  input: "The caller has to change something.",
  conflict: "What stands there forbids it, or changed meanwhile.",
  unavailable: "A backend, or the time, was not to be had.",
  aborted: "The call was ended from outside.",
  broken: "A fault of the server; the log tells more under the reference.",
  "start-up": "The server does not start; as a program it ends with exit code 2.",
};

/** docs/ERRORS.md, from the table of errors. */
export function renderErrors(): string {
  const sections = Object.entries(KINDS).map(([kind, meaning]) => {
    const rows = Object.entries(ERRORS)
      .filter(([, facts]) => facts.kind === kind)
      .map(
        ([code, facts]) =>
          `| \`${code}\` | ${retry(facts)} | ${facts.at ?? ""} | ${cell(facts.hint)} |`,
      );
    return `## ${kind}

${meaning}

| code | retry | at fault | what to do |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
  });
  return `# Errors

Made by \`npm run docs\` from \`src/model/error-table.ts\`.

A tool that fails answers with \`isError: true\` and a text that is JSON: \`code\`, \`message\`, \`hint\`, \`retryable\`, and
where it is known \`retryAfterMs\`. The hint may know the case better than the table. Repeat a call unchanged only where
\`retryable\` is true. An unknown tool is a JSON-RPC error with the number -32602 instead.

${sections.join("\n")}`;
}

function retry({ retryable, retryAfterMs }: ErrorFacts): string {
  if (!retryable) return "no";
  return retryAfterMs === undefined ? "yes" : `yes, after ${retryAfterMs} ms`;
}
