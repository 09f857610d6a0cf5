import type {
  Acknowledgement,
  AckOutcome,
  CacheAuthorityPort,
  CachePolicy,
  CacheWrite,
  CopyGuard,
  DropScope,
  SettleOutcome,
} from "../../src/cache/cache-authority-port.ts";
import type { CacheObservation, CachePage } from "../../src/cache/cache-port.ts";
import type { Random } from "../../src/lib/random.ts";
import { BUCKETS } from "../../src/model/bucket.ts";
import type { Entry } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { epochOf, FIRST_EPOCH, type Version } from "../../src/model/version.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import type { FakeRedis } from "./fake-redis.ts";
import { FakeScripts, type Stay, wrongType } from "./fake-redis-scripts.ts";

/** Begins every cursor; the last key of the page follows. */
const CURSOR_MARK = "after:";

const FAR_RESIDENCY_MS = 365 * 24 * 3_600_000;

export interface FakeRedisCacheOptions {
  readonly random: Random;
  readonly residencyMs?: number;
  readonly graceMs?: number;
}

/**
 * One process' connection to a {@link FakeRedis}: it passes the contract suite of the real driver, so a simulation
 * may stand on it. Each call is one atomic step, taken in a turn of its own.
 */
export class FakeRedisCache implements CacheAuthorityPort {
  readonly kind = "redis";
  readonly #redis: FakeRedis;
  readonly #scripts: FakeScripts;
  readonly #random: Random;
  readonly #residencyMs: number | undefined;
  readonly #graceMs: number;
  #policy: CachePolicy | undefined;
  #storeId: string | undefined;
  #mismatch: LockstepError | undefined;
  /** Whether anything seen so far speaks for it. */
  #mayHaveEvicted = false;
  #closed = false;

  constructor(redis: FakeRedis, options: FakeRedisCacheOptions) {
    this.#redis = redis;
    this.#scripts = new FakeScripts(redis);
    this.#random = options.random;
    this.#residencyMs = options.residencyMs;
    this.#graceMs = options.graceMs ?? 24 * 3_600_000;
  }

  get policy(): CachePolicy | undefined {
    return this.#policy;
  }

  async refreshPolicy(): Promise<CachePolicy> {
    this.#reach();
    const { maxmemoryPolicy, evictedKeys } = this.#redis;
    if (maxmemoryPolicy !== "noeviction" || evictedKeys > 0) this.#mayHaveEvicted = true;
    this.#policy = {
      maxmemoryPolicy,
      maxmemoryBytes: 0,
      pinned: maxmemoryPolicy === "noeviction" || maxmemoryPolicy.startsWith("volatile-"),
      persistence: "aof-everysec",
      serverVersion: "7.0.15",
    };
    return this.#policy;
  }

  async ping(): Promise<void> {
    this.#reach();
  }

  async bindStore(storeId: string | undefined): Promise<"bound" | "free"> {
    if (this.#policy === undefined) await this.refreshPolicy();
    this.#reach();
    const { states } = this.#redis;
    const tiedTo = [...states.values()][0]?.storeId;
    const wanted = storeId ?? tiedTo;
    this.#storeId = undefined;
    this.#mismatch = undefined;
    if (wanted === undefined) return "free";
    if (tiedTo !== undefined && tiedTo !== wanted) {
      this.#mismatch = new LockstepError("STORE_MISMATCH", `This Redis belongs to ${tiedTo}.`);
      throw this.#mismatch;
    }
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      if (!states.has(bucket)) states.set(bucket, { storeId: wanted, epoch: FIRST_EPOCH, seq: 0 });
    }
    this.#storeId = wanted;
    return "bound";
  }

  async write(command: WriteCommand, guard?: CopyGuard): Promise<CacheWrite> {
    if (guard !== undefined) checkComparable(guard.seen);
    await this.#reachScripts();
    const pinned = this.#policy?.pinned ?? true;
    const written = this.#scripts.write(command, pinned, guard);
    const isMade = written.outcome === "written" || written.outcome === "repeated";
    return isMade ? { ...written, pinned } : written;
  }

  async observe(keys: readonly string[]): Promise<readonly CacheObservation[]> {
    await this.#reachScripts();
    return keys.map((key) => this.#scripts.observe(key));
  }

  async timesToLive(keys: readonly string[]): Promise<readonly (number | null | undefined)[]> {
    await this.#reachScripts();
    return keys.map((key) => this.#scripts.timeToLive(key));
  }

  async acknowledge(acks: readonly Acknowledgement[]): Promise<readonly AckOutcome[]> {
    await this.#reachScripts();
    return acks.map(({ key, version }) => this.#scripts.acknowledge(key, version, this.#stay));
  }

  async settle(key: string, version: Version): Promise<SettleOutcome> {
    await this.#reachScripts();
    return this.#scripts.settle(key, version, this.#stay);
  }

  async withdraw(key: string, version: Version): Promise<void> {
    await this.#reachScripts();
    this.#scripts.withdraw(key, version);
  }

  async takeLease(key: string, { fromHolder = false } = {}): Promise<string | undefined> {
    await this.#reachScripts();
    const token = this.#random.hex(8);
    return this.#scripts.takeLease(key, token, fromHolder) === "taken" ? token : undefined;
  }

  async fill(entry: Entry, token: string): Promise<"filled" | "skipped"> {
    if (entry.value === null) return "skipped";
    await this.#reachScripts();
    return this.#scripts.fill({ ...entry, value: entry.value }, token, this.#stay);
  }

  async stamp(entry: Entry, token: string): Promise<"stamped" | "skipped"> {
    if (entry.value === null) return "skipped";
    await this.#reachScripts();
    return this.#scripts.stamp({ ...entry, value: entry.value }, token, this.#stay);
  }

  async drop(seen: CacheObservation, what: DropScope): Promise<"dropped" | "moved"> {
    checkComparable(seen);
    await this.#reachScripts();
    return this.#scripts.drop(seen, what);
  }

  async pendingOlderThan({
    ageMs,
    limit,
    offset = 0,
  }: {
    readonly ageMs: number;
    readonly limit: number;
    readonly offset?: number;
  }): Promise<readonly string[]> {
    this.#reach();
    return this.#markersOlderThan(ageMs).slice(offset, offset + limit);
  }

  async countPending(olderThanMs: number): Promise<number> {
    this.#reach();
    return this.#markersOlderThan(olderThanMs).length;
  }

  async scan({
    prefix = "",
    cursor = CURSOR_MARK,
    limit,
  }: {
    readonly prefix?: string;
    readonly cursor?: string;
    readonly limit: number;
  }): Promise<CachePage> {
    this.#reach();
    if (!cursor.startsWith(CURSOR_MARK)) {
      throw new LockstepError("INPUT_INVALID", "The cursor is not one of this cache's.");
    }
    const after = cursor.slice(CURSOR_MARK.length);
    const left = this.#redis
      .userKeys()
      .filter((key) => key.startsWith(prefix) && (after === "" || key > after));
    const keys = left.slice(0, limit);
    return { keys, cursor: left.length > limit ? CURSOR_MARK + (keys.at(-1) ?? "") : undefined };
  }

  async memoryBytes(): Promise<number> {
    this.#reach();
    let bytes = 0;
    for (const [key, held] of this.#redis.values)
      bytes += Buffer.byteLength(key) + held.bytes.length;
    return bytes + this.#redis.metas.size * 140;
  }

  async provesRemoval(version: Version): Promise<boolean> {
    if (this.#policy?.maxmemoryPolicy !== "noeviction") return false;
    await this.refreshPolicy();
    return !this.#mayHaveEvicted && epochOf(version) === FIRST_EPOCH;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #reach(): void {
    if (this.#closed || !this.#redis.isUp) {
      throw new LockstepError("CACHE_UNAVAILABLE", "Redis does not answer.");
    }
  }

  /** What goes before every script: the server must answer, and its state must name our store (a flushed one is bound again). */
  async #reachScripts(): Promise<void> {
    this.#reach();
    if (this.#mismatch !== undefined) throw this.#mismatch;
    if (this.#storeId === undefined) {
      throw new LockstepError("STORE_UNAVAILABLE", "This Redis is not tied to a store yet.");
    }
    const { states } = this.#redis;
    const isOurs = states.size === BUCKETS && states.get(0)?.storeId === this.#storeId;
    if (!isOurs) await this.bindStore(this.#storeId);
  }

  get #stay(): Stay {
    const isVolatile = this.#policy?.maxmemoryPolicy.startsWith("volatile-") === true;
    const residencyMs = this.#residencyMs ?? (isVolatile ? FAR_RESIDENCY_MS : undefined);
    return { residencyMs, graceMs: this.#graceMs };
  }

  #markersOlderThan(ageMs: number): readonly string[] {
    const before = ageMs <= 0 ? Number.POSITIVE_INFINITY : (this.#redis.nowMs() - ageMs) * 1000;
    return [...this.#redis.markers]
      .filter(([, score]) => score <= before)
      .sort(([, left], [, right]) => left - right)
      .map(([key]) => key);
  }
}

function checkComparable({ key, foreignType, value }: CacheObservation): void {
  if (foreignType !== undefined) throw wrongType(key, foreignType);
  if (value?.isText === false) {
    throw new LockstepError(
      "VALUE_NOT_TEXT",
      `The value of ${JSON.stringify(key)} is not UTF-8 text.`,
    );
  }
}
