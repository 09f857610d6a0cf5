/** What people are told of one of these commands. */
export interface OperatorCommandHelp {
  readonly name: OperatorCommandName;
  readonly title: string;
  /** What follows the name. */
  readonly usage: string;
  readonly description: string;
  /** Each option as it is typed, and what it does. */
  readonly options: Readonly<Record<string, string>>;
}

export type OperatorCommandName =
  | "alert"
  | "backup"
  | "check"
  | "doctor"
  | "reconcile_cache"
  | "restore";

const JSON_OPTION = "print the answer as one line of JSON";

/** In the order in which help lists them. */
export const OPERATOR_COMMANDS: readonly OperatorCommandHelp[] = [
  {
    name: "alert",
    title: "Try where alerts go",
    usage: "--test [--json]",
    description:
      "Sends a test to every way that the LOCKSTEP_ALERT_… variables name: webhook, Slack, email. Says what came of each, after a few attempts where it is not there at once. Asks neither cache nor store.",
    options: { "--test": "send it", "--json": JSON_OPTION },
  },
  {
    name: "backup",
    title: "Write the shadow into a file",
    usage: "<file> [--gzip] [--resume] [--json]",
    description:
      "Writes every row of the store, deletes among them, and the events that wait in the outbox into a new file, with checksums. Servers may go on meanwhile: what the store had acknowledged when the backup began is in it. What only Redis has is not. The file gets its name when it is whole; until then .part stands behind it.",
    options: {
      "--gzip": "compress; gunzip can read it",
      "--resume": "go on with a backup of this name that was stopped, if there is one",
      "--json": JSON_OPTION,
    },
  },
  {
    name: "check",
    title: "Check a deployment: doctor and a full verification",
    usage: "[--strict] [--json]",
    description:
      "Looks at the set-up as doctor does, then compares every key of cache and store. Changes nothing. Where doctor finds a problem, or nothing is there yet, nothing is compared.",
    options: { "--strict": "count warnings as problems", "--json": JSON_OPTION },
  },
  {
    name: "doctor",
    title: "Look at the set-up of cache and store",
    usage: "[--strict] [--json]",
    description:
      "Looks at everything that Lockstep needs: versions, eviction policy and persistence of Redis, indexes, permissions, clocks, disk, the tie between Redis and store, and variables. Changes nothing, also where nothing is there yet. A backend that is down is told like any other problem.",
    options: { "--strict": "count warnings as problems", "--json": JSON_OPTION },
  },
  {
    name: "reconcile_cache",
    title: "Reconcile what is cached of an application's collections",
    usage:
      "[--model <name>] [--force] [--batch-size <n>] [--max-instances <n>] [--check-only] [--verbose] [--json]",
    description:
      "Brings the Redis entries of the models in LOCKSTEP_MODELS_FILE and their documents together, as the tool reconcile_model does: missing entries are written, the older copy follows the newer, entries without a document go. Goes on where an earlier run stopped. Ctrl-C stops it after a batch, and a second one at once.",
    options: {
      "--model <name>": "only this model; without it, all of them",
      "--force": "the document is right, also where its entry looks newer",
      "--batch-size <n>": "documents read at once, 1 to 1,000; default 100",
      "--max-instances <n>":
        "documents and orphaned entries of each model in this run, at most; default 1,000, and all with --check-only",
      "--check-only": "say what would be done, and write nothing",
      "--verbose": "log each change",
      "--json": JSON_OPTION,
    },
  },
  {
    name: "restore",
    title: "Bring a backup into the store",
    usage: "<file> [--check-only] [--even-purged] [--json]",
    description:
      "Reads the whole file first, and writes nothing if any of it is damaged. Then writes each row that the store does not have in that version or a newer one, and tells the cache. It can be stopped and run again.",
    options: {
      "--check-only": "only read the file and say whether it is whole",
      "--even-purged": "also write rows whose delete the store may have forgotten since the backup",
      "--json": JSON_OPTION,
    },
  },
];

export function operatorCommandOf(word: string | undefined): OperatorCommandHelp | undefined {
  return OPERATOR_COMMANDS.find(({ name }) => name === word);
}
