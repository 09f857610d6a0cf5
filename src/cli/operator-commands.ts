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

export type OperatorCommandName = "doctor";

const JSON_OPTION = "print the answer as one line of JSON";

/** In the order in which help lists them. */
export const OPERATOR_COMMANDS: readonly OperatorCommandHelp[] = [
  {
    name: "doctor",
    title: "Look at the set-up of cache and store",
    usage: "[--strict] [--json]",
    description:
      "Looks at everything that Lockstep needs: versions, eviction policy and persistence of Redis, indexes, permissions, clocks, disk, the tie between Redis and store, and variables. Changes nothing, also where nothing is there yet. A backend that is down is told like any other problem.",
    options: { "--strict": "count warnings as problems", "--json": JSON_OPTION },
  },
];

export function operatorCommandOf(word: string | undefined): OperatorCommandHelp | undefined {
  return OPERATOR_COMMANDS.find(({ name }) => name === word);
}
