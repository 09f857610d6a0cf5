import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { nearestName } from "../lib/nearest-name.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { type Config, configSchema, listVariables, type Variable } from "./schema.ts";

export interface ParsedConfig {
  /** Frozen, down to the lists in it. */
  readonly config: Config;
  /** What is suspicious but does not keep the server from starting, each a sentence. */
  readonly warnings: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables of the schema from `environment`; a blank one counts as not set.
 * Error: CONFIG_INVALID, which lists every variable that breaks its rule. No secret is repeated in it.
 */
export function parseConfig(environment: Environment): ParsedConfig {
  const given = readVariables(environment);
  const unfilled = given.filter(({ text }) => PLACEHOLDER.test(text));
  if (unfilled.length > 0) throw invalid(unfilled.map(describePlaceholder));

  const texts = Object.fromEntries(given.map(({ field, text }) => [field, text]));
  const home = environment["HOME"] || homedir();
  texts["sqliteFile"] = sqliteFile(texts["sqliteFile"], environment, home);
  if (texts["modelsFile"] !== undefined) texts["modelsFile"] = pathOf(texts["modelsFile"], home);
  const parsed = configSchema.safeParse(texts);
  if (!parsed.success) {
    throw invalid(
      parsed.error.issues.map((issue) => {
        const variable = given.find(({ field }) => field === issue.path[0]);
        return variable === undefined ? issue.message : describeRule(variable, issue.message);
      }),
    );
  }
  for (const value of Object.values(parsed.data)) Object.freeze(value);
  return { config: Object.freeze(parsed.data), warnings: warnOfUnknown(environment) };
}

/** What a client configuration leaves behind when it names a variable that nobody fills in. */
const PLACEHOLDER = /\$\{[^}]*\}/;

interface GivenVariable extends Variable {
  readonly text: string;
}

function readVariables(environment: Environment): readonly GivenVariable[] {
  return listVariables().flatMap((variable) => {
    const text = environment[variable.env]?.trim() ?? "";
    return text === "" ? [] : [{ ...variable, text }];
  });
}

function describePlaceholder({ env, text }: GivenVariable): string {
  return `${env} holds the text ${PLACEHOLDER.exec(text)?.[0]}, which the program that started the server has not filled in: set a value or leave the variable out`;
}

function describeRule({ env, text, secret }: GivenVariable, rule: string): string {
  return secret === undefined ? `${env} ${rule}, and is ${JSON.stringify(text)}` : `${env} ${rule}`;
}

function invalid(faults: readonly string[]): LockstepError {
  return new LockstepError("CONFIG_INVALID", `${faults.join("; ")}.`);
}

function sqliteFile(given: string | undefined, environment: Environment, home: string): string {
  if (given === undefined) {
    const stateHome = environment["XDG_STATE_HOME"] ?? "";
    // The XDG rules have a relative path ignored.
    const state = isAbsolute(stateHome) ? stateHome : join(home, ".local", "state");
    return join(state, "lockstep", "lockstep.db");
  }
  return given === ":memory:" ? given : pathOf(given, home);
}

/** No shell has expanded a ~ that comes from a client's configuration file. */
function pathOf(given: string, home: string): string {
  return given.startsWith("~/") ? join(home, given.slice(2)) : resolve(given);
}

function warnOfUnknown(environment: Environment): readonly string[] {
  const known = listVariables().map(({ env }) => env);
  return Object.keys(environment)
    .filter((name) => name.startsWith("LOCKSTEP_") && !name.startsWith("LOCKSTEP_TEST_"))
    .filter((name) => !known.includes(name))
    .map((name) => {
      const nearest = nearestName(name, known);
      const guess = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
      return `There is no variable ${name}; it changes nothing.${guess}`;
    });
}
