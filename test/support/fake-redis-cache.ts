import type {
  Acknowledgement,
  AckOutcome,
  CacheAuthorityPort,
  CacheFill,
  CachePolicy,
  CacheWrite,
  CopyGuard,
  DropScope,
  SettleOutcome,
  WhenLost,
} from "../../src/cache/cache-authority-port.ts";
import type {
  CacheContents,
  CacheDigest,
  CacheObservation,
  CachePage,
  CacheSample,
} from "../../src/cache/cache-port.ts";
import type { Random } from "../../src/lib/random.ts";
import { Reservoir } from "../../src/lib/reservoir.ts";
import { BUCKETS, bucketOf } from "../../src/model/bucket.ts";
import type { Entry } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { epochOf, type Version } from "../../src/model/version.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import type { FakeRedis } from "./fake-redis.ts";
import { FakeBuckets } from "./fake-redis-buckets.ts";
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
  readonly buckets: FakeBuckets;
  readonly #redis: FakeRedis;
  readonly #scripts: FakeScripts;
  readonly #random: Random;
  readonly #residencyMs: number | undefined;
  readonly #graceMs: number;
  #policy: CachePolicy | undefined;
  #storeId: string | undefined;
  #mismatch: LockstepError | undefined;
  /** The run in which something that was seen speaks for it. */
  #evictingRun: string | undefined;
  #closed = false;

  constructor(redis: FakeRedis, options: FakeRedisCacheOptions) {
    this.#redis = redis;
    this.#scripts = new FakeScripts(redis);
    this.#random = options.random;
    this.#residencyMs = options.residencyMs;
    this.#graceMs = options.graceMs ?? 24 * 3_600_000;
    this.buckets = new FakeBuckets(redis, {
      graceMs: this.#graceMs,
      bind: async () => {
        this.#reach();
        await this.bindStore(this.#boundStore());
      },
      reach: () => this.#reach(),
    });
  }

  get policy(): CachePolicy | undefined {
    return this.#policy;
  }

  async refreshPolicy(): Promise<CachePolicy> {
    this.#reach();
    const { maxmemoryPolicy, evictedKeys } = this.#redis;
    if (maxmemoryPolicy !== "noeviction" || evictedKeys > 0) this.#evictingRun = this.#redis.run;
    this.#policy = {
      maxmemoryPolicy,
      maxmemoryBytes: 0,
      pinned: maxmemoryPolicy === "noeviction" || maxmemoryPolicy.startsWith("volatile-"),
      persistence: "aof-everysec",
      serverVersion: "7.0.15",
      showsIncarnation: true,
      evictedKeys,
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
      if (!states.has(bucket)) this.#redis.bind(bucket, wanted);
    }
    this.#storeId = wanted;
    return "bound";
  }

  async write(command: WriteCommand, guard?: CopyGuard): Promise<CacheWrite> {
    if (guard !== undefined) checkComparable(guard.seen);
    const { token } = guard ?? {};
    if (!(await this.#reachScripts([command.key], { token }))) return { outcome: "moved" };
    const pinned = this.#policy?.pinned ?? true;
    const written = this.#scripts.write(command, pinned, guard);
    const isMade = written.outcome === "written" || written.outcome === "repeated";
    return isMade ? { ...written, pinned } : written;
  }

  async observe(
    keys: readonly string[],
    { whenLost = "wait" }: { readonly whenLost?: WhenLost } = {},
  ): Promise<readonly CacheObservation[]> {
    if (whenLost === "read") this.#reach();
    else await this.#reachScripts(keys, { waits: whenLost === "wait" });
    return keys.map((key) => this.#scripts.observe(key));
  }

  async contents(keys: readonly string[]): Promise<readonly CacheContents[]> {
    const seen = await this.observe(keys);
    return seen.map(({ ttlMs: _ttl, metaTtlMs: _metaTtl, ...contents }) => contents);
  }

  async digests(keys: readonly string[]): Promise<readonly CacheDigest[]> {
    await this.#reachScripts(keys);
    return keys.map((key) => {
      const { value, foreignType, meta, markerSeq, nowMs } = this.#scripts.observe(key);
      const valueBytes = value === undefined ? undefined : this.#redis.value(key)?.bytes.length;
      return { key, valueBytes, foreignType, meta, markerSeq, nowMs };
    });
  }

  async timesToLive(keys: readonly string[]): Promise<readonly (number | null | undefined)[]> {
    await this.#reachScripts(keys);
    return keys.map((key) => this.#scripts.timeToLive(key));
  }

  async acknowledge(acks: readonly Acknowledgement[]): Promise<readonly AckOutcome[]> {
    await this.#reachScripts(acks.map(({ key }) => key));
    return acks.map(({ key, version }) => this.#scripts.acknowledge(key, version, this.#stay));
  }

  async settle(key: string, version: Version): Promise<SettleOutcome> {
    await this.#reachScripts([key]);
    return this.#scripts.settle(key, version, this.#stay);
  }

  async withdraw(key: string, version: Version): Promise<"withdrawn" | "kept"> {
    await this.#reachScripts([key]);
    return this.#scripts.withdraw(key, version);
  }

  async takeLease(key: string, { fromHolder = false } = {}): Promise<string | undefined> {
    await this.#reachScripts([key]);
    const token = `${this.#random.hex(8)}@${this.#redis.run}`;
    return this.#scripts.takeLease(key, token, fromHolder) === "taken" ? token : undefined;
  }

  async fill(entry: Entry, token: string): Promise<"filled" | "skipped"> {
    if (entry.value === null) return "skipped";
    if (!(await this.#reachScripts([entry.key], { token }))) return "skipped";
    return this.#scripts.fill({ ...entry, value: entry.value }, token, this.#stay);
  }

  async stamp(entry: Entry, token: string): Promise<"stamped" | "skipped"> {
    if (entry.value === null) return "skipped";
    if (!(await this.#reachScripts([entry.key], { token }))) return "skipped";
    return this.#scripts.stamp({ ...entry, value: entry.value }, token, this.#stay);
  }

  async drop(seen: CacheObservation, what: DropScope): Promise<"dropped" | "moved"> {
    checkComparable(seen);
    await this.#reachScripts([seen.key]);
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
    const beyond = ageMs <= 0 ? [] : this.#markersBeyond(ageMs);
    return [...this.#markersOlderThan(ageMs), ...beyond].slice(offset, offset + limit);
  }

  async oldestPendingSeqs(): Promise<ReadonlyMap<number, number>> {
    this.#reach();
    const oldest = new Map<number, number>();
    for (const key of this.#markersOlderThan(0)) {
      const bucket = bucketOf(key);
      const seq = this.#redis.markers.get(key);
      if (seq !== undefined && !oldest.has(bucket)) oldest.set(bucket, seq);
    }
    return oldest;
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

  async scanId(): Promise<string> {
    this.#reach();
    return this.#redis.run;
  }

  async sample({
    prefix = "",
    size,
    random,
  }: {
    readonly prefix?: string;
    readonly size: number;
    readonly random: Random;
  }): Promise<CacheSample> {
    this.#reach();
    const chosen = new Reservoir<string>(size, random);
    for (const key of this.#redis.userKeys()) if (key.startsWith(prefix)) chosen.add(key);
    return { keys: chosen.items, total: chosen.seen };
  }

  async memoryBytes(): Promise<number> {
    this.#reach();
    let bytes = 0;
    for (const [key, held] of this.#redis.values)
      bytes += Buffer.byteLength(key) + held.bytes.length;
    return bytes + this.#redis.metas.size * 140;
  }

  async provesRemoval(key: string, version: Version): Promise<boolean> {
    if (this.#policy?.maxmemoryPolicy !== "noeviction") return false;
    await this.refreshPolicy();
    const { run, states } = this.#redis;
    const state = states.get(bucketOf(key));
    return this.#evictingRun !== run && state?.run === run && state.epoch === epochOf(version);
  }

  async measure(): Promise<CacheFill> {
    const usedBytes = await this.memoryBytes();
    const { maxmemoryBytes } = this.#redis;
    const pending = this.#markersOlderThan(0);
    const oldest = Math.min(...this.#redis.markers.values());
    return {
      usedBytes,
      limitBytes: maxmemoryBytes,
      heldBytes: this.#policy?.pinned === false ? undefined : usedBytes,
      pendingKeys: pending.length,
      pendingBytes: pending.reduce(
        (sum, key) => sum + (this.#redis.value(key)?.bytes.length ?? 0) + 140,
        0,
      ),
      oldestPendingMs:
        pending.length === 0 ? null : Math.max(0, this.#redis.nowMs() - oldest / 1000),
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #reach(): void {
    if (this.#closed || !this.#redis.isUp) {
      throw new LockstepError("CACHE_UNAVAILABLE", "Redis does not answer.");
    }
  }

  #boundStore(): string {
    if (this.#mismatch !== undefined) throw this.#mismatch;
    if (this.#storeId === undefined) {
      throw new LockstepError("STORE_UNAVAILABLE", "This Redis is not tied to a store yet.");
    }
    return this.#storeId;
  }

  /**
   * What goes before every script: the server must answer, and the state of each bucket must name our store and this
   * run; one that does not is recovered. False where a lease of another run was to be continued.
   */
  async #reachScripts(
    keys: readonly string[],
    { token, waits = true }: { readonly token?: string | undefined; readonly waits?: boolean } = {},
  ): Promise<boolean> {
    this.#reach();
    const storeId = this.#boundStore();
    const run = token?.slice(token.indexOf("@") + 1);
    if (run !== undefined && run !== this.#redis.run) return false;
    for (const bucket of new Set(keys.map(bucketOf))) {
      if (this.#isFenced(bucket, storeId)) {
        if (run !== undefined) return false;
        const recovered = this.buckets.recover(bucket);
        if (waits) await recovered;
        else recovered.catch(() => undefined);
        this.#reach();
      }
    }
    if (keys.some((key) => this.#isFenced(bucketOf(key), this.#boundStore())))
      throw new LockstepError("RECOVERING", "Redis has lost its state.");
    return true;
  }

  #isFenced(bucket: number, storeId: string): boolean {
    const state = this.#redis.states.get(bucket);
    return state?.storeId !== storeId || state.run !== this.#redis.run;
  }

  get #stay(): Stay {
    const isVolatile = this.#policy?.maxmemoryPolicy.startsWith("volatile-") === true;
    const residencyMs = this.#residencyMs ?? (isVolatile ? FAR_RESIDENCY_MS : undefined);
    return { residencyMs, graceMs: this.#graceMs };
  }

  #markersOlderThan(ageMs: number): readonly string[] {
    const before = ageMs <= 0 ? Number.POSITIVE_INFINITY : (this.#redis.nowMs() - ageMs) * 1000;
    return this.#markersWhere((score) => score <= before);
  }

  /** Those that a clock which has gone back has left in the future. */
  #markersBeyond(ageMs: number): readonly string[] {
    const after = (this.#redis.nowMs() + ageMs) * 1000;
    return this.#markersWhere((score) => score > after);
  }

  #markersWhere(isMeant: (score: number) => boolean): readonly string[] {
    return [...this.#redis.markers]
      .filter(([, score]) => isMeant(score))
      .sort(([, left], [, right]) => left - right)
      .map(([key]) => key);
  }
}

function checkComparable({ key, foreignType }: CacheObservation): void {
  if (foreignType !== undefined) throw wrongType(key, foreignType);
}
