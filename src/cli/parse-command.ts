import { operatorCommandOf } from "./operator-commands.ts";
import { type OperatorCommand, parseOperatorCommand } from "./parse-operator-command.ts";
import { UsageError } from "./usage-error.ts";

export type Command =
  | { readonly kind: "stdio" | "http" | "help" | "version" }
  | CallCommand
  | OperatorCommand
  | { readonly kind: "command-help"; readonly command: string }
  | { readonly kind: "tool-help"; readonly tool: string };

export interface CallCommand {
  readonly kind: "call";
  readonly tool: string;
  /** `name=value`, as typed. */
  readonly words: readonly string[];
  /** Print the answer as one line of JSON. */
  readonly json: boolean;
  /** Ask the server there instead of opening the backends. */
  readonly url: string | undefined;
}

/**
 * Reads the command line. No arguments mean stdio, as MCP clients start it; a first word that is no command is taken
 * for the name of a tool. Error: UsageError.
 */
export function parseCommand(argv: readonly string[]): Command {
  const [first, ...rest] = argv;
  switch (first) {
    case undefined:
      return { kind: "stdio" };
    case "stdio":
    case "http":
      return parseServe(first, rest);
    case "help":
    case "--help":
    case "-h":
      return { kind: "help" };
    case "version":
    case "--version":
    case "-V":
      return { kind: "version" };
    case "call":
      return parseCall(rest);
    default:
      return parseOther(first, rest);
  }
}

/** A command of an operator by its name, or else a tool. */
function parseOther(first: string, rest: readonly string[]): Command {
  const command = operatorCommandOf(first)?.name;
  if (command === undefined) return parseCall([first, ...rest]);
  if (rest.some(isHelp)) return { kind: "command-help", command };
  return parseOperatorCommand(command, rest);
}

function parseServe(kind: "stdio" | "http", rest: readonly string[]): Command {
  if (rest.length === 0) return { kind };
  if (isHelp(rest[0])) return { kind: "help" };
  throw new UsageError(
    `lockstep ${kind} takes no arguments, and was given ${rest.join(" ")}. Settings are environment variables; docs/CONFIG.md lists them.`,
  );
}

function parseCall(argv: readonly string[]): Command {
  const plain: string[] = [];
  let json = false;
  let url: string | undefined;
  let help = false;
  const words = argv[Symbol.iterator]();
  for (const word of words) {
    if (word === "--json") json = true;
    else if (word === "--url") url = words.next().value ?? "";
    else if (word.startsWith("--url=")) url = word.slice("--url=".length);
    else if (isHelp(word)) help = true;
    else if (word === "--") plain.push(...words);
    else if (word.startsWith("-")) throw new UsageError(`There is no option ${word}.`);
    else plain.push(word);
  }
  const [tool, ...rest] = plain;
  if (tool === undefined) {
    if (help) return { kind: "help" };
    throw new UsageError("Name the tool to call, as in: lockstep call kv_get key=greeting");
  }
  if (help) return { kind: "tool-help", tool };
  if (url !== undefined && !/^https?:\/\/./.test(url)) {
    throw new UsageError("--url needs the address of a server, such as http://127.0.0.1:8080");
  }
  return { kind: "call", tool, words: rest, json, url };
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h";
}
