import { parseArgs } from "node:util";
import { nearestName } from "../lib/nearest-name.ts";
import type { OperatorCommandName } from "./operator-commands.ts";
import { UsageError } from "./usage-error.ts";

/** A command that is no tool: it looks at, keeps or puts back a whole deployment. */
export type OperatorCommand =
  | AlertCommand
  | LookCommand
  | BackupCommand
  | RestoreCommand
  | ReconcileCommand;

interface AnyCommand {
  /** Print one line of JSON. */
  readonly json: boolean;
}

export interface AlertCommand extends AnyCommand {
  readonly kind: "alert";
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

export interface ReconcileCommand extends AnyCommand {
  readonly kind: "reconcile_cache";
  /** Undefined: all models. */
  readonly model: string | undefined;
  readonly force: boolean;
  readonly batchSize: number;
  /** Undefined: as a reconciliation does by default. */
  readonly maxInstances: number | undefined;
  readonly checkOnly: boolean;
  readonly verbose: boolean;
}

/** Reads the words after the command's name. Error: UsageError. */
export function parseOperatorCommand(
  kind: OperatorCommandName,
  words: readonly string[],
): OperatorCommand {
  switch (kind) {
    case "alert": {
      const { flags } = readWords(kind, words, { flags: ["json", "test"] });
      if (flags.has("test")) return { kind, json: flags.has("json") };
      throw new UsageError(
        "lockstep alert sends nothing without --test. See lockstep alert --help",
      );
    }
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
    case "reconcile_cache": {
      const { flags, values } = readWords(kind, words, {
        flags: ["check-only", "force", "json", "verbose"],
        values: ["batch-size", "max-instances", "model"],
      });
      return {
        kind,
        model: values.get("model"),
        force: flags.has("force"),
        batchSize: countOf("--batch-size", values.get("batch-size"), 100, 1_000),
        maxInstances: countOf(
          "--max-instances",
          values.get("max-instances"),
          undefined,
          10_000_000,
        ),
        checkOnly: flags.has("check-only"),
        verbose: flags.has("verbose"),
        json: flags.has("json"),
      };
    }
  }
}

interface Expected {
  /** Options that stand alone. */
  readonly flags: readonly string[];
  /** Options that a value follows. */
  readonly values?: readonly string[];
  /** Whether one word without dashes must be there: a file's path. */
  readonly file?: boolean;
}

interface Given {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  /** Empty where none is expected. */
  readonly file: string;
}

/** Error: UsageError, for anything that is not expected. */
function readWords(kind: string, words: readonly string[], expected: Expected): Given {
  const { flags: flagNames, values: valueNames = [] } = expected;
  const options: Record<string, { type: "boolean" | "string" }> = {};
  for (const name of flagNames) options[name] = { type: "boolean" };
  for (const name of valueNames) options[name] = { type: "string" };
  const { tokens } = parseArgs({ args: [...words], options, strict: false, tokens: true });
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const files: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") files.push(token.value);
    if (token.kind !== "option") continue;
    if (valueNames.includes(token.name)) {
      if (!token.value) throw new UsageError(`${token.rawName} needs a value.`);
      values.set(token.name, token.value);
    } else if (flagNames.includes(token.name)) {
      if (token.value !== undefined) throw new UsageError(`${token.rawName} takes no value.`);
      flags.add(token.name);
    } else {
      throw unknownOption(kind, token.rawName, [...flagNames, ...valueNames]);
    }
  }
  const [file = "", ...tooMany] = expected.file === true ? files : ["", ...files];
  if (expected.file === true && file === "") {
    throw new UsageError(`Name the file, as in: lockstep ${kind} shadow.backup`);
  }
  if (tooMany.length > 0)
    throw new UsageError(`lockstep ${kind} does not take ${tooMany.join(" ")}.`);
  return { flags, values, file };
}

function countOf<T extends number | undefined>(
  option: string,
  text: string | undefined,
  byDefault: T,
  max: number,
): number | T {
  if (text === undefined) return byDefault;
  const count = /^\d+$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) return count;
  throw new UsageError(`${option} takes a whole number from 1 to ${max}, and was given ${text}.`);
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
