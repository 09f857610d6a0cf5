import { Redis } from "ioredis";
import type { Log } from "../../../lib/log.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { CachePolicy } from "../../cache-authority-port.ts";
import { EvictionWatch } from "./eviction-watch.ts";
import {
  FULL_HINT,
  isOutOfMemory,
  isPassing,
  isRefusal,
  mayHaveRun,
  reasonOf,
} from "./redis-errors.ts";
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
 * One connection and the server at its other end. Commands are never resent by the client and never queued
 * while the server is away: a write that is sent twice would be minted twice, and one that waits would outlive its
 * caller's patience.
 */
export class RedisConnection {
  readonly #client: Redis;
  readonly #log: Log;
  #policy: CachePolicy | undefined;
  #info: ReadonlyMap<string, string> = new Map();
  readonly #evictions = new EvictionWatch();
  #connecting: Promise<void> | undefined;
  /** Why there is no connection, in the server's or the system's words. */
  #trouble: string | undefined;

  constructor({ url, commandTimeoutMs, log }: RedisConnectionOptions) {
    this.#log = log;
    this.#client = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // It would be a round trip of its own in front of the first command, and newer servers only know it.
      disableClientInfo: true,
      connectTimeout: commandTimeoutMs,
      commandTimeout: commandTimeoutMs,
      // A connection whose other end vanished without a word looks idle for many minutes; commands on it give up before.
      socketTimeout: 2 * commandTimeoutMs,
      // A server that has stopped would keep a call, which has its answer already, until it closes its end too.
      disconnectTimeout: 100,
      retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 1000),
    });
    // Without a listener ioredis prints to the console. A call that fails for want of a connection hears no more than
    // that from it; here it tells why.
    this.#client.on("error", (error: Error) => {
      this.#trouble = error.message;
      this.#log.debug({ err: error.message }, "Redis connection error");
    });
    // A server that comes back may be another one (a failover, a changed configuration).
    this.#client.on("ready", () => {
      this.#trouble = undefined;
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

  /** Whether no key can have been evicted in this run of the server, as far as {@link refreshPolicy} saw it. */
  get neverEvicted(): boolean {
    return this.#evictions.neverEvicted;
  }

  /** Connects on first use; afterwards the client reconnects by itself, and a call meanwhile fails at once. Error: CACHE_UNAVAILABLE. */
  async connect(): Promise<void> {
    if (this.#client.status === "ready") return;
    if (this.#client.status === "wait") {
      this.#connecting = this.#client.connect();
      // The failure is met by whoever waits below; this keeps it from counting as unhandled meanwhile.
      this.#connecting.catch(() => undefined);
    }
    const connecting = this.#connecting;
    if (connecting !== undefined) await this.call("connect", () => connecting);
  }

  /** Asks the server how it is set up. Error: CACHE_UNAVAILABLE. */
  async refreshPolicy(): Promise<CachePolicy> {
    await this.connect();
    await this.#selectDatabase();
    this.#info = parseInfo((await this.#unlessHidden("INFO", (client) => client.info())) ?? "");
    this.#evictions.see(this.#info);
    const appendfsync = await this.#configOf("appendfsync");
    const save = await this.#configOf("save");
    this.#policy = policyOf(this.#info, { appendfsync, save });
    return this.#policy;
  }

  /** Runs a plain command; a failure of the connection or the server becomes CACHE_UNAVAILABLE. */
  async command<T>(name: string, send: (client: Redis) => Promise<T>): Promise<T> {
    await this.connect();
    return this.call(name, () => send(this.#client));
  }

  /** Runs a script; one that the server does not know is loaded and run again: NOSCRIPT comes before anything is touched. */
  async evalsha(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<ScriptReply> {
    await this.connect();
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

  async close(): Promise<void> {
    this.#client.disconnect();
    await Promise.resolve();
  }

  /**
   * Translates a failure of the client or the server; only the network call belongs inside. A write that was sent and
   * not answered may have happened: UNKNOWN_OUTCOME.
   */
  async call<T>(name: string, send: () => Promise<T>): Promise<T> {
    const wasReady = this.#client.status === "ready";
    try {
      return await send();
    } catch (error) {
      const lost = name === "write" && wasReady && mayHaveRun(error);
      throw new LockstepError(
        lost ? "UNKNOWN_OUTCOME" : "CACHE_UNAVAILABLE",
        `Redis ${isRefusal(error) ? "refused" : "did not answer"} ${name}: ${reasonOf(error, this.#trouble)}`,
        { cause: error, ...(isOutOfMemory(error) ? { hint: FULL_HINT } : {}) },
      );
    }
  }

  /** The client goes on in database 0 where the one of its URL does not exist. */
  async #selectDatabase(): Promise<void> {
    const database = this.#client.options.db ?? 0;
    if (database !== 0) await this.call("SELECT", () => this.#client.select(database));
  }

  async #configOf(name: string): Promise<string | undefined> {
    const pair = await this.#unlessHidden("CONFIG GET", (client) => client.config("GET", name));
    return (pair as string[] | undefined)?.[1];
  }

  /** What a managed Redis or an ACL does not let us ask is undefined. */
  async #unlessHidden<T>(name: string, ask: (client: Redis) => Promise<T>): Promise<T | undefined> {
    return this.call(name, async () => {
      try {
        return await ask(this.#client);
      } catch (error) {
        if (!isRefusal(error) || isPassing(error)) throw error;
        this.#log.debug({ err: error.message }, `${name} is not allowed here`);
        return undefined;
      }
    });
  }
}
