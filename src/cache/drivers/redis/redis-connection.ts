import { Redis } from "ioredis";
import type { Log } from "../../../lib/log.ts";
import { BUCKETS } from "../../../model/bucket.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { FIRST_EPOCH } from "../../../model/version.ts";
import type { CachePolicy } from "../../cache-authority-port.ts";
import { stateKey } from "./redis-keys.ts";
import { parseInfo, policyOf } from "./redis-policy.ts";
import { SCRIPTS, type ScriptName } from "./redis-scripts.ts";

export interface RedisConnectionOptions {
  readonly url: string;
  /** How long one command may take before the connection counts as dead for it, milliseconds. */
  readonly commandTimeoutMs: number;
  readonly log: Log;
}

/** What a script answered: its first word, then its values. */
export type ScriptReply = readonly [status: string, ...values: unknown[]];

/**
 * One connection, its scripts and the store it is bound to. Commands are never resent by the client and never queued
 * while the server is away: a write that is sent twice would be minted twice, and one that waits would outlive its
 * caller's patience.
 */
export class RedisConnection {
  readonly #client: Redis;
  readonly #log: Log;
  #policy: CachePolicy | undefined;
  #info: ReadonlyMap<string, string> = new Map();
  #storeId: string | undefined;
  #mismatch: LockstepError | undefined;
  #connecting: Promise<void> | undefined;

  constructor({ url, commandTimeoutMs, log }: RedisConnectionOptions) {
    this.#log = log;
    this.#client = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      connectTimeout: commandTimeoutMs,
      commandTimeout: commandTimeoutMs,
      retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 1000),
    });
    // Without a listener ioredis prints to the console; each failed call reports its own cause anyway.
    this.#client.on("error", (error: Error) =>
      this.#log.debug({ err: error.message }, "Redis connection error"),
    );
    // A server that comes back may be another one (a failover, a changed configuration).
    this.#client.on("ready", () => {
      if (this.#policy !== undefined) this.refreshPolicy().catch(() => undefined);
    });
  }

  /** As last seen by {@link refreshPolicy}; undefined before the first answer. */
  get policy(): CachePolicy | undefined {
    return this.#policy;
  }

  /** INFO as last seen by {@link refreshPolicy}. */
  get info(): ReadonlyMap<string, string> {
    return this.#info;
  }

  /** Asks the server how it is set up. Error: CACHE_UNAVAILABLE. */
  async refreshPolicy(): Promise<CachePolicy> {
    await this.#connected();
    this.#info = parseInfo(await this.call("info", () => this.#client.info()));
    const config = await this.#hiddenConfig();
    this.#policy = policyOf(this.#info, config);
    return this.#policy;
  }

  /** Runs a plain command; a failure of the connection or the server becomes CACHE_UNAVAILABLE. */
  async command<T>(name: string, send: (client: Redis) => Promise<T>): Promise<T> {
    await this.#connected();
    return this.call(name, () => send(this.#client));
  }

  /**
   * Runs a script. One that the server does not know is loaded and run again: NOSCRIPT comes before anything is
   * touched. A bucket without state (a flushed Redis) is bound again to the same store.
   */
  async script(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<ScriptReply> {
    await this.#connected();
    const storeId = this.#boundStore();
    const reply = await this.#evalsha(name, keys, [storeId, ...args]);
    if (reply[0] !== "FENCED") return reply;
    await this.bindStore(storeId);
    const second = await this.#evalsha(name, keys, [storeId, ...args]);
    if (second[0] === "FENCED") {
      throw new LockstepError(
        "CACHE_UNAVAILABLE",
        "Redis lost its state again while the call ran.",
      );
    }
    return second;
  }

  /**
   * Ties every bucket to this store, or, without an id (the store does not answer yet), finds the store that this
   * Redis is already tied to. Answers whether a store is known now. Error: STORE_MISMATCH.
   */
  async bindStore(storeId: string | undefined): Promise<"bound" | "free"> {
    await this.#connected();
    if (this.#policy === undefined) await this.refreshPolicy();
    const wanted = storeId ?? "";
    const epoch = String(FIRST_EPOCH).padStart(8, "0");
    const runId = this.#info.get("run_id") ?? "";
    const replies = await Promise.all(
      Array.from({ length: BUCKETS }, (_, bucket) =>
        this.#evalsha("bind", [stateKey(bucket)], [wanted, epoch, runId]),
      ),
    );
    const found = replies.filter(([status]) => status === "BOUND").map(([, id]) => String(id));
    const other = found.find((id) => id !== (storeId ?? found[0]));
    if (other !== undefined) {
      this.#storeId = undefined;
      this.#mismatch = new LockstepError(
        "STORE_MISMATCH",
        `This Redis is kept in step with the store ${other}, not with ${wanted}.`,
      );
      throw this.#mismatch;
    }
    if (storeId === undefined && found.length < BUCKETS) {
      return found[0] === undefined ? "free" : this.bindStore(found[0]);
    }
    this.#mismatch = undefined;
    this.#storeId = found[0];
    return "bound";
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    await Promise.resolve();
  }

  /**
   * Translates a failure of the client or the server; only the network call belongs inside. A write that was sent and
   * not answered may have happened: UNKNOWN_OUTCOME.
   */
  async call<T>(name: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      const lost = name === "write" && mayHaveRun(error);
      throw new LockstepError(
        lost ? "UNKNOWN_OUTCOME" : "CACHE_UNAVAILABLE",
        `Redis did not answer ${name}: ${reasonOf(error)}`,
        { cause: error },
      );
    }
  }

  async #evalsha(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<ScriptReply> {
    const { sha, text } = SCRIPTS[name];
    const run = () => this.#client.callBuffer("EVALSHA", sha, keys.length, ...keys, ...args);
    const reply = await this.call(name, async () => {
      try {
        return await run();
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
        await this.#client.script("LOAD", text);
        return run();
      }
    });
    const [status, ...values] = reply as [Buffer, ...unknown[]];
    return [status.toString(), ...values];
  }

  #boundStore(): string {
    if (this.#mismatch !== undefined) throw this.#mismatch;
    if (this.#storeId === undefined) {
      throw new LockstepError(
        "STORE_UNAVAILABLE",
        "This Redis is new, and the store that it will be kept in step with has not answered yet.",
      );
    }
    return this.#storeId;
  }

  /** Connects on first use; afterwards the client reconnects by itself, and a call meanwhile fails at once. */
  async #connected(): Promise<void> {
    if (this.#client.status === "ready") return;
    if (this.#client.status === "wait") {
      this.#connecting = this.#client.connect();
      // The failure is met by whoever waits below; this keeps it from counting as unhandled meanwhile.
      this.#connecting.catch(() => undefined);
    }
    const connecting = this.#connecting;
    if (connecting !== undefined) await this.call("connect", () => connecting);
  }

  async #hiddenConfig(): Promise<{ appendfsync: string | undefined; save: string | undefined }> {
    try {
      const one = async (name: string) => {
        const pair = (await this.#client.config("GET", name)) as string[];
        return pair[1];
      };
      return { appendfsync: await one("appendfsync"), save: await one("save") };
    } catch (error) {
      this.#log.debug(
        { err: reasonOf(error) },
        "CONFIG GET is not allowed here; persistence is unknown",
      );
      return { appendfsync: undefined, save: undefined };
    }
  }
}

/** False where the server refused the command, or the client never sent it. */
function mayHaveRun(error: unknown): boolean {
  return error instanceof Error && error.name !== "ReplyError" && !neverSent(error);
}

function neverSent(error: Error): boolean {
  return error.message.startsWith("Stream isn't writeable");
}

/** The server's or client's own words, which name no credentials. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown cause";
  if (neverSent(error)) return "not connected";
  return error.message === "" ? error.name : error.message;
}
