import { parseArgs } from "node:util";
import { nearestName } from "../lib/nearest-name.ts";
import type { OperatorCommandName } from "./operator-commands.ts";
import { UsageError } from "./usage-error.ts";

/** A command that is no tool: it looks at, keeps or puts back a whole deployment. */
export type OperatorCommand = LookCommand | BackupCommand | RestoreCommand;

interface AnyCommand {
  /** Print one line of JSON. */
  readonly json: boolean;
}

export interface LookCommand extends AnyCommand {
  readonly kind: "doctor" | "check";
  /** Warnings count as problems. */
  readonly strict: boolean;
}

export interface BackupCommand extends AnyCommand {
  readonly kind: "backup";
  readonly file: string;
  readonly gzip: boolean;
  readonly resume: boolean;
}

export interface RestoreCommand extends AnyCommand {
  readonly kind: "restore";
  readonly file: string;
  readonly checkOnly: boolean;
  readonly evenPurged: boolean;
}

/** Reads the words after the command's name. Error: UsageError. */
export function parseOperatorCommand(
  kind: OperatorCommandName,
  words: readonly string[],
): OperatorCommand {
  switch (kind) {
    case "doctor":
    case "check": {
      const { flags } = readWords(kind, words, { flags: ["json", "strict"] });
      return { kind, json: flags.has("json"), strict: flags.has("strict") };
    }
    case "backup": {
      const given = readWords(kind, words, { flags: ["gzip", "json", "resume"], file: true });
      const { flags, file } = given;
      const gzip = flags.has("gzip");
      return { kind, file, gzip, resume: flags.has("resume"), json: flags.has("json") };
    }
    case "restore": {
      const expected = { flags: ["check-only", "even-purged", "json"], file: true };
      const { flags, file } = readWords(kind, words, expected);
      const checkOnly = flags.has("check-only");
      const evenPurged = flags.has("even-purged");
      return { kind, file, checkOnly, evenPurged, json: flags.has("json") };
    }
  }
}

interface Expected {
  /** Options that stand alone. */
  readonly flags: readonly string[];
  /** Whether one word without dashes must be there: a file's path. */
  readonly file?: boolean;
}

interface Given {
  readonly flags: ReadonlySet<string>;
  /** Empty where none is expected. */
  readonly file: string;
}

/** Error: UsageError, for anything that is not expected. */
function readWords(kind: string, words: readonly string[], expected: Expected): Given {
  const known = Object.fromEntries(
    expected.flags.map((name) => [name, { type: "boolean" }] as const),
  );
  const { tokens } = parseArgs({ args: [...words], options: known, strict: false, tokens: true });
  const flags = new Set<string>();
  const files: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") files.push(token.value);
    if (token.kind !== "option") continue;
    if (!expected.flags.includes(token.name))
      throw unknownOption(kind, token.rawName, expected.flags);
    if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`);
    flags.add(token.name);
  }
  const [file = "", ...tooMany] = expected.file === true ? files : ["", ...files];
  if (expected.file === true && file === "") {
    throw new UsageError(`Name the file, as in: lockstep ${kind} shadow.backup`);
  }
  if (tooMany.length > 0)
    throw new UsageError(`lockstep ${kind} does not take ${tooMany.join(" ")}.`);
  return { flags, file };
}

function unknownOption(kind: string, rawName: string, flags: readonly string[]): UsageError {
  const nearest = nearestName(
    rawName,
    flags.map((name) => `--${name}`),
  );
  const guess = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
  return new UsageError(
    `lockstep ${kind} has no option ${rawName}.${guess} See lockstep ${kind} --help`,
  );
}
