import type { Readable, Writable } from "node:stream";

/** What a command gets from the process it runs in; only main.ts knows the process itself. */
export interface CliContext {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether a person reads stderr. */
  readonly isTerminal: boolean;
  /** Aborts when the process is told to stop. */
  readonly stop: AbortSignal;
  /** Stops the process as if it had been told to, and has it end with exit code 2. */
  readonly giveUp: () => void;
}
