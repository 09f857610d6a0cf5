import { compose } from "../../src/app/compose.ts";
import type { OpenedStore } from "../../src/app/open-store.ts";
import type { CacheAuthorityPort } from "../../src/cache/cache-authority-port.ts";
import type { CopyCachePort } from "../../src/cache/copy-cache-port.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { Log } from "../../src/lib/log.ts";
import type { Random } from "../../src/lib/random.ts";
import { Envelope } from "../../src/transport/envelope.ts";
import { readReply } from "../support/lockstep/caller.ts";
import { QUIET_JOBS } from "../support/lockstep/quiet-jobs.ts";
import type { ToolAnswers, ToolName } from "../support/lockstep/tool-answers.ts";
import type { Machine } from "./machine.ts";
import type { StepLog } from "./step-log.ts";

/** Addresses of servers that are handed in and never connected to. */
const STORE = { ...QUIET_JOBS, MONGODB_URI: "mongodb://simulated/lockstep" };
const CACHE_FIRST = parseConfig({ REDIS_URL: "redis://simulated", ...STORE }).config;
const STORE_FIRST = parseConfig(STORE).config;

/** The ports of a store behind the network; where Redis decides it has no authority. */
export type SimulatedStore = Omit<OpenedStore, "authority" | "description"> &
  Partial<Pick<OpenedStore, "authority">>;

export interface SimulatedLockstepParts {
  readonly machine: Machine;
  readonly random: Random;
  /** Where it decides. */
  readonly redis?: CacheAuthorityPort;
  readonly store: SimulatedStore;
  /** The cache in the process, where the store decides. */
  readonly copyCache?: CopyCachePort;
  /** How long an answer is on its way to the caller, milliseconds. */
  readonly answerMs?: () => number;
  readonly log: StepLog;
  /** Hears of what only a defect can bring about. */
  readonly onDefect: (what: string) => void;
}

/** One Lockstep process: the very graph that is shipped, with the envelope of the transports, on a simulated machine. */
export class SimulatedLockstep {
  readonly machine: Machine;
  readonly #envelope: Envelope;
  readonly #start: () => Promise<void>;
  readonly #answerMs: () => number;

  private constructor(
    { machine, answerMs = () => 0 }: SimulatedLockstepParts,
    envelope: Envelope,
    start: () => Promise<void>,
  ) {
    this.machine = machine;
    this.#envelope = envelope;
    this.#start = start;
    this.#answerMs = answerMs;
  }

  static async compose(parts: SimulatedLockstepParts): Promise<SimulatedLockstep> {
    const { machine, random, redis, store, copyCache, onDefect } = parts;
    const { clock } = machine;
    const logger = logOf(parts);
    const opened: OpenedStore = { authority: NO_AUTHORITY, ...store, description: "simulated" };
    const config = redis === undefined ? STORE_FIRST : CACHE_FIRST;
    const app = await compose(config, {
      clock,
      random,
      logger,
      backends: { store: opened, ...(redis === undefined ? {} : { redis }) },
      ...(copyCache === undefined ? {} : { copyCache }),
    });
    const envelope = new Envelope({
      tools: app.tools,
      clock,
      random,
      log: logger,
      callTimeoutMs: config.callTimeoutMs,
      redact: (text) => text,
    });
    return new SimulatedLockstep(parts, envelope, async () => {
      try {
        await app.start();
      } catch (error) {
        onDefect(`${machine.name} did not start: ${String(error)}`);
      }
    });
  }

  /** Begins to start; calls may come at once, as they do over stdio. */
  start(): void {
    void this.#start();
  }

  /** Calls a tool. "gone" where the machine crashes before it has answered. Errors: ToolFailure. */
  async call<Name extends ToolName>(
    tool: Name,
    args: Readonly<Record<string, unknown>>,
  ): Promise<ToolAnswers[Name] | "gone"> {
    const { machine } = this;
    const answered = new Promise<Awaited<ReturnType<Envelope["call"]>>>((resolve, reject) => {
      machine.after(0, () => {
        this.#envelope
          .call({ name: tool, args })
          .then((reply) => this.#answer(reply, resolve), reject);
      });
    });
    const reply = await Promise.race([answered, machine.gone]);
    return reply === undefined ? "gone" : readReply(tool, reply);
  }

  /** What has been decided may still be lost on the way to the caller. */
  #answer<Reply>(reply: Reply, resolve: (reply: Reply) => void): void {
    const inMs = this.#answerMs();
    if (inMs === 0) resolve(reply);
    else this.machine.after(inMs, () => resolve(reply));
  }
}

/** Redis decides there; whoever asks the store to has taken the wrong way. */
const NO_AUTHORITY: OpenedStore["authority"] = {
  hasEventPath: false,
  groupsWrites: false,
  write: () => Promise.reject(new TypeError("The store does not decide here.")),
  current: () => Promise.reject(new TypeError("The store does not decide here.")),
  changeStamp: () => undefined,
};

function logOf({ machine, log, onDefect }: SimulatedLockstepParts): Log {
  const tell = (level: string) => (fields: object, message: string) =>
    log.add(() => `${machine.name} ${level}: ${message}${causeOf(fields)}`);
  return {
    debug: () => undefined,
    info: tell("info"),
    warn: tell("warn"),
    error: (fields, message) => {
      tell("error")(fields, message);
      onDefect(`${machine.name} logged an error: ${message}${causeOf(fields)}`);
    },
  };
}

function causeOf(fields: object): string {
  const err: unknown = Reflect.get(fields, "err");
  return err instanceof Error ? ` (${err.message})` : "";
}
