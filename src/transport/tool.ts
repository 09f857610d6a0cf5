import type { z } from "zod";

/** What a transport tells a running tool call, and hears from it. */
export interface CallContext {
  /** Aborts when the client cancels, goes away, or the call's time is over. */
  readonly signal: AbortSignal;
  /** Reports progress of long work; a no-op where the client did not ask for it. `total` where known. */
  readonly progress: (done: number, total?: number) => void;
}

/**
 * A tool as the transports see it: bound to its services, with its schemas as data. Both schemas are zod objects;
 * the input is strict, so that a mistyped field is refused and not dropped.
 */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject;
  readonly output: z.ZodObject;
  readonly annotations: ToolAnnotations;
  /** Takes arguments that `input` has parsed, and answers what `output` describes. Fails with LockstepError. */
  run(args: object, context: CallContext): Promise<object>;
}

/** MCP's hints for hosts; all four are always given, because their defaults are pessimistic. */
export interface ToolAnnotations {
  readonly readOnlyHint: boolean;
  readonly destructiveHint: boolean;
  readonly idempotentHint: boolean;
  readonly openWorldHint: boolean;
}
