import { Redis } from "ioredis";
import type { Log } from "../../../lib/log.ts";
import type { ErrorCode } from "../../../model/error-table.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { CachePolicy } from "../../cache-authority-port.ts";
import { EvictionWatch } from "./eviction-watch.ts";
import { type Incarnation, incarnationIdOf, incarnationOf } from "./incarnation.ts";
import {
  FULL_HINT,
  isOutOfMemory,
  isPassing,
  isReadOnly,
  isRefusal,
  isUnknownScript,
  mayHaveRun,
  reasonOf,
} from "./redis-errors.ts";
import { parseInfo, policyOf } from "./redis-policy.ts";
import type { ScriptName } from "./redis-scripts.ts";
import { writeTogether } from "./write-together.ts";

export interface RedisConnectionOptions {
  readonly url: string;
  /** How long one command may take before the connection counts as dead for it, milliseconds. */
  readonly commandTimeoutMs: number;
  readonly log: Log;
}

/** What a script answered: its first word, then its values. */
export type ScriptReply = readonly [status: string, ...values: unknown[]];

/** The state of the bucket is missing, or names another store or another incarnation of the server. */
export const FENCED: ScriptReply = ["FENCED"];

/** So often a server may lose its scripts while one call wants to run one. */
const LOADS_MAX = 5;

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
  /** Who is at the other end; undefined on a connection that has not asked yet, or has reason to ask again. */
  #incarnation: Incarnation | undefined;
  #lastSeen: Incarnation | undefined;
  #identifying: Promise<Incarnation> | undefined;
  readonly #loading = new Map<string, Promise<unknown>>();
  /** Grows with every connection that ends. */
  #connectionsEnded = 0;
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
    // Each connection has a stream of its own.
    this.#client.on("connect", () => writeTogether(this.#client.stream));
    // A server that comes back may be another one (a failover, a changed configuration).
    this.#client.on("close", () => {
      forgetSocketTimeout(this.#client);
      this.#connectionsEnded += 1;
      this.#incarnation = undefined;
    });
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

  /** Asks the server how it is set up, and who it is. Error: CACHE_UNAVAILABLE. */
  async refreshPolicy(): Promise<CachePolicy> {
    await this.connect();
    await this.#selectDatabase();
    await this.#readInfo();
    const appendfsync = await this.#configOf("appendfsync");
    const save = await this.#configOf("save");
    this.#policy = policyOf(this.#info, { appendfsync, save });
    return this.#policy;
  }

  /** Who is at the other end of the present connection. Errors: CACHE_UNAVAILABLE, also where that is a replica. */
  async incarnation(): Promise<Incarnation> {
    await this.connect();
    if (this.#incarnation !== undefined) return this.#incarnation;
    this.#identifying ??= this.#identify().finally(() => {
      this.#identifying = undefined;
    });
    return this.#identifying;
  }

  /** Asks anew who is at the other end. */
  async identifyAgain(): Promise<Incarnation> {
    this.#incarnation = undefined;
    return this.incarnation();
  }

  /** Runs a plain command; a failure of the connection or the server becomes CACHE_UNAVAILABLE. */
  async command<T>(name: string, send: (client: Redis) => Promise<T>): Promise<T> {
    await this.connect();
    return this.call(name, () => send(this.#client));
  }

  /** What a managed Redis or an ACL does not let us ask is undefined. */
  async unlessHidden<T>(name: string, ask: (client: Redis) => Promise<T>): Promise<T | undefined> {
    await this.connect();
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

  /** The server's clock, microseconds since 1970. */
  async timeUs(): Promise<number> {
    const [seconds, micros] = await this.command("time", (client) => client.time());
    return Number(seconds) * 1_000_000 + Number(micros);
  }

  /**
   * Runs a script of the server's present incarnation; with `under`, only while that is still this one (else FENCED).
   * The incarnation was asked for on the very connection that carries the call, or the script could run in another one.
   * A script that the server does not know is loaded and run again: that refusal comes before anything is touched.
   */
  async evalsha(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
    under?: string,
  ): Promise<ScriptReply> {
    for (let load = 0; load <= LOADS_MAX; load += 1) {
      const known = await this.incarnation();
      if (under !== undefined && under !== known.id) return FENCED;
      const { sha, text } = known.scripts[name];
      const reply = await this.call(name, () => this.#run(sha, keys, args));
      if (reply !== undefined) {
        const [status, ...values] = reply as [Buffer, ...unknown[]];
        return [status.toString(), ...values];
      }
      // The server may have been restarted behind a connection that something between us has kept.
      const now = await this.identifyAgain();
      if (now.id === known.id) await this.call(name, () => this.#load(sha, text));
    }
    throw new LockstepError("CACHE_UNAVAILABLE", `Redis does not keep the script ${name}.`);
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
      throw new LockstepError(
        codeOf(name, error, wasReady),
        `Redis ${isRefusal(error) ? "refused" : "did not answer"} ${name}: ${reasonOf(error, this.#trouble)}`,
        { cause: error, ...(isOutOfMemory(error) ? { hint: FULL_HINT } : {}) },
      );
    }
  }

  /** All who meet an unknown script at once share one load of it: its text is thousands of bytes. */
  #load(sha: string, text: string): Promise<unknown> {
    const known = this.#loading.get(sha);
    if (known !== undefined) return known;
    const loading = this.#client.script("LOAD", text).finally(() => this.#loading.delete(sha));
    this.#loading.set(sha, loading);
    return loading;
  }

  /** The answer of a script, or undefined where the server does not know it. */
  async #run(
    sha: string,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    try {
      return await this.#client.callBuffer("EVALSHA", sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (isUnknownScript(error)) return undefined;
      // A primary that was demoted: once it takes writes again, it is another incarnation.
      if (isReadOnly(error)) this.#incarnation = undefined;
      throw error;
    }
  }

  async #identify(): Promise<Incarnation> {
    const ended = this.#connectionsEnded;
    // Not from the field: whoever asks again meanwhile empties it, and shares this answer.
    const now = await this.#readInfo();
    if (now !== undefined) return now;
    throw new LockstepError(
      "CACHE_UNAVAILABLE",
      ended === this.#connectionsEnded
        ? "This Redis is a replica, which takes no writes."
        : "The connection to Redis was lost.",
    );
  }

  /** Reads INFO, and from it who the server is, unless the connection ended meanwhile or it is a replica. */
  async #readInfo(): Promise<Incarnation | undefined> {
    const ended = this.#connectionsEnded;
    this.#info = parseInfo((await this.unlessHidden("INFO", (client) => client.info())) ?? "");
    this.#evictions.see(this.#info);
    if (ended !== this.#connectionsEnded) return undefined;
    const isReplica = this.#info.get("role") === "slave";
    this.#incarnation = isReplica ? undefined : this.#incarnationSeen();
    return this.#incarnation;
  }

  /** The scripts of an incarnation are made once: that is a dozen hashes of thousands of bytes. */
  #incarnationSeen(): Incarnation {
    if (this.#lastSeen === undefined || this.#lastSeen.id !== incarnationIdOf(this.#info))
      this.#lastSeen = incarnationOf(this.#info);
    return this.#lastSeen;
  }

  /** The client goes on in database 0 where the one of its URL does not exist. */
  async #selectDatabase(): Promise<void> {
    const database = this.#client.options.db ?? 0;
    if (database !== 0) await this.call("SELECT", () => this.#client.select(database));
  }

  async #configOf(name: string): Promise<string | undefined> {
    const pair = await this.unlessHidden("CONFIG GET", (client) => client.config("GET", name));
    return (pair as string[] | undefined)?.[1];
  }
}

function codeOf(name: string, error: unknown, wasReady: boolean): ErrorCode {
  if (name !== "write") return "CACHE_UNAVAILABLE";
  if (isOutOfMemory(error)) return "OVERLOADED";
  return wasReady && mayHaveRun(error) ? "UNKNOWN_OUTCOME" : "CACHE_UNAVAILABLE";
}

/**
 * ioredis 5.11 keeps the socket timeout of a connection that ended with commands under way, and lets it end the next
 * connection, which has nothing wrong with it, up to that time later.
 */
function forgetSocketTimeout(client: Redis): void {
  const waiting = client as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined };
  clearTimeout(waiting.socketTimeoutTimer);
  waiting.socketTimeoutTimer = undefined;
}
