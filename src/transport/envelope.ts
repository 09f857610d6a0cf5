import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import { nearestName } from "../lib/nearest-name.ts";
import type { Random } from "../lib/random.ts";
import { ERRORS } from "../model/error-table.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { type CallReply, replyWith, replyWithError } from "./call-reply.ts";
import { describeIssues } from "./describe-issues.ts";
import { gateProgress, type Progress } from "./progress-gate.ts";
import type { CallContext, Tool } from "./tool.ts";

export interface ToolCall {
  readonly name: string;
  /** As the client sent them; undefined counts as no arguments. */
  readonly args: unknown;
  /** Aborts when the client cancels or goes away. */
  readonly signal?: AbortSignal;
  /** Given where the client asked for progress. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface EnvelopeParts {
  readonly tools: readonly Tool[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** How long one call may take, milliseconds. */
  readonly callTimeoutMs: number;
  /** Takes secrets out of a text that leaves the process. */
  readonly redact: (text: string) => string;
  /** Told of each call that has been answered; must return at once and not fail. */
  readonly afterCall?: () => void;
}

/**
 * The one place around every tool call, whichever way it came: it finds the tool, checks the arguments, bounds the
 * time, checks the answer, and turns every failure into a reply. It also knows which calls are running, so that
 * a shutdown can wait for them.
 */
export class Envelope {
  readonly tools: readonly Tool[];
  readonly #parts: EnvelopeParts;
  readonly #byName: ReadonlyMap<string, Tool>;
  readonly #running = new Map<AbortController, Promise<unknown>>();
  #closing = false;

  constructor(parts: EnvelopeParts) {
    this.#parts = parts;
    this.tools = parts.tools.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    this.#byName = new Map(this.tools.map((tool) => [tool.name, tool]));
  }

  /** Calls whose work has not settled, those that nobody waits for any more included. */
  get runningCalls(): number {
    return this.#running.size;
  }

  /**
   * Runs one call. What stops it is told in the reply; only a name that no tool has is an error (TOOL_UNKNOWN),
   * because MCP answers that one on the level of the protocol.
   */
  async call(call: ToolCall): Promise<CallReply> {
    const { clock, log } = this.#parts;
    const tool = this.#find(call.name);
    const startedMs = clock.monotonicMs();
    let outcome = "ok";
    try {
      return replyWith(await this.#run(tool, call));
    } catch (error) {
      outcome = LockstepError.codeOf(error) ?? "INTERNAL";
      return this.#replyToFailure(tool, error);
    } finally {
      const tookMs = Math.round(clock.monotonicMs() - startedMs);
      log.debug({ tool: tool.name, outcome, tookMs }, "Tool call ended");
      this.#parts.afterCall?.();
    }
  }

  /**
   * Refuses new calls from now on and waits for the running ones, at most `limitMs`; those that are still running
   * then are told to stop and answered with SHUTTING_DOWN.
   */
  async drain(limitMs: number): Promise<"drained" | "cut short"> {
    this.#closing = true;
    const settled = Promise.allSettled(this.#running.values());
    const bounded = await within(this.#parts.clock, limitMs, settled);
    if (bounded.outcome === "done") return "drained";
    for (const call of this.#running.keys()) call.abort(shuttingDown());
    return "cut short";
  }

  #find(name: string): Tool {
    const tool = this.#byName.get(name);
    if (tool !== undefined) return tool;
    const nearest = nearestName(name.slice(0, 128), this.#byName.keys());
    const guess = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
    throw new LockstepError("TOOL_UNKNOWN", `There is no tool ${name.slice(0, 128)}.${guess}`);
  }

  async #run(tool: Tool, call: ToolCall): Promise<Readonly<Record<string, unknown>>> {
    if (this.#closing) throw shuttingDown();
    const args = parseArguments(tool, call.args);

    const { clock, callTimeoutMs } = this.#parts;
    const running = new AbortController();
    const over = new AbortController();
    const stop = () =>
      running.abort(new LockstepError("ABORTED", "The caller cancelled the call."));
    if (call.signal?.aborted === true) stop();
    call.signal?.addEventListener("abort", stop, { once: true });
    void clock.sleep(callTimeoutMs, over.signal).then(() => {
      if (!over.signal.aborted) running.abort(timedOut(tool, callTimeoutMs));
    });
    try {
      const result = await Promise.race([
        rejectWhenAborted(running.signal),
        this.#track(running, tool, args, this.#contextOf(call, running.signal)),
      ]);
      return parseResult(tool, result);
    } finally {
      over.abort("settled");
      call.signal?.removeEventListener("abort", stop);
    }
  }

  /** A call is running until its work has settled, even if its caller has been answered before. */
  async #track(
    running: AbortController,
    tool: Tool,
    args: object,
    context: CallContext,
  ): Promise<object> {
    const work = (async () => {
      context.signal.throwIfAborted();
      return tool.run(args, context);
    })();
    this.#running.set(running, work);
    try {
      return await work;
    } finally {
      this.#running.delete(running);
    }
  }

  #contextOf({ onProgress }: ToolCall, signal: AbortSignal): CallContext {
    if (onProgress === undefined) return { signal, progress: () => undefined };
    const tell = gateProgress(this.#parts.clock, onProgress);
    return {
      signal,
      progress: (done, total) => {
        if (!signal.aborted) tell(done, total);
      },
    };
  }

  #replyToFailure(tool: Tool, error: unknown): CallReply {
    const { log, random, redact } = this.#parts;
    const isTold = error instanceof LockstepError && ERRORS[error.code].kind !== "broken";
    if (isTold) return replyWithError(error, { redact });

    // What went wrong inside is for the log alone: it may hold paths, addresses or other people's values.
    const reference = random.hex(6);
    log.error({ err: error, tool: tool.name, reference }, "Tool call failed unexpectedly");
    const code = LockstepError.codeOf(error) ?? "INTERNAL";
    const told = new LockstepError(
      code,
      `${tool.name} failed for a reason that only the log tells, under the reference ${reference}.`,
    );
    return replyWithError(told, { reference, redact });
  }
}

function parseArguments(tool: Tool, args: unknown): object {
  const given = args ?? {};
  const parsed = tool.input.safeParse(given);
  if (parsed.success) return parsed.data;
  const fields = Object.keys(tool.input.shape);
  throw new LockstepError("INPUT_INVALID", describeIssues(parsed.error.issues, given, fields));
}

/** Clients refuse fields that the schema does not name, so what is sent is what the schema has made of it. */
function parseResult(tool: Tool, result: object): Record<string, unknown> {
  const parsed = tool.output.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new LockstepError("INTERNAL", `${tool.name} answered what its schema does not allow.`, {
    cause: parsed.error,
  });
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(signal.reason as LockstepError);
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true });
  });
}

function timedOut(tool: Tool, limitMs: number): LockstepError {
  const message = `${tool.name} took longer than ${limitMs} ms (LOCKSTEP_CALL_TIMEOUT_MS).`;
  if (tool.annotations.readOnlyHint) return new LockstepError("TIMED_OUT", message);
  return new LockstepError("TIMED_OUT", message, {
    hint: "The change may have happened all the same. Read the key to see, then repeat the call if it is needed.",
  });
}

function shuttingDown(): LockstepError {
  return new LockstepError("SHUTTING_DOWN", "The server is shutting down.");
}
