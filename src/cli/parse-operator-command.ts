import { parseArgs } from "node:util";
import { nearestName } from "../lib/nearest-name.ts";
import type { OperatorCommandName } from "./operator-commands.ts";
import { UsageError } from "./usage-error.ts";

/** A command that is no tool: it looks at, keeps or puts back a whole deployment. */
export type OperatorCommand = DoctorCommand;

export interface DoctorCommand {
  readonly kind: "doctor";
  /** Print one line of JSON. */
  readonly json: boolean;
  /** Warnings count as problems. */
  readonly strict: boolean;
}

/** Reads the words after the command's name. Error: UsageError. */
export function parseOperatorCommand(
  kind: OperatorCommandName,
  words: readonly string[],
): OperatorCommand {
  const { flags } = readWords(kind, words, { flags: ["json", "strict"] });
  return { kind, json: flags.has("json"), strict: flags.has("strict") };
}

interface Expected {
  /** Options that stand alone. */
  readonly flags?: readonly string[];
}

/** Error: UsageError, for anything that is not expected. */
function readWords(kind: string, words: readonly string[], { flags = [] }: Expected) {
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(flags.map((name) => [name, { type: "boolean" as const }])),
    strict: false,
    tokens: true,
  });
  const given = new Set<string>();
  for (const token of tokens) {
    if (token.kind === "positional")
      throw new UsageError(`lockstep ${kind} does not take ${token.value}.`);
    if (token.kind === "option-terminator") continue;
    if (!flags.includes(token.name)) throw unknownOption(kind, token.rawName, flags);
    if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`);
    given.add(token.name);
  }
  return { flags: given };
}

function unknownOption(kind: string, rawName: string, known: readonly string[]): UsageError {
  const nearest = nearestName(
    rawName,
    known.map((name) => `--${name}`),
  );
  const guess = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  return new UsageError(
    `lockstep ${kind} has no option ${rawName}.${guess} See lockstep ${kind} --help`,
  );
}
