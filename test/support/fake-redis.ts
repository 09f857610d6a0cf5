import type { CacheMeta } from "../../src/cache/cache-port.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { BUCKETS } from "../../src/model/bucket.ts";
import { RESERVED_PREFIX } from "../../src/model/key.ts";
import { FIRST_EPOCH } from "../../src/model/version.ts";

/** What stands at a user's key: bytes of a string, or another Redis type of which only the name matters. */
export interface HeldValue {
  readonly type: string;
  readonly bytes: Buffer;
  readonly expiresAtMs: number | null;
}

export interface HeldMeta {
  /** undefined: bytes that are no meta, which count as none except that they are there. */
  readonly meta: CacheMeta | undefined;
  readonly expiresAtMs: number | null;
}

/** A state that names no run of the server waits for its recovery. */
export interface BucketState {
  readonly storeId: string;
  readonly run: string;
  readonly epoch?: number;
  seq: number;
  /** Of the last write without a marker. */
  unpinnedSeq?: number;
}

/** Everything that a server holds. */
export interface FakeSnapshot {
  readonly values: ReadonlyMap<string, HeldValue>;
  readonly metas: ReadonlyMap<string, HeldMeta>;
  readonly markers: ReadonlyMap<string, number>;
  readonly leases: FakeRedis["leases"];
  readonly aside: ReadonlyMap<string, HeldValue>;
  readonly states: ReadonlyMap<number, BucketState>;
}

/**
 * A Redis server in memory, as far as its clients here can tell: what it holds, its clock, its eviction policy and
 * whether it answers. Any number of `FakeRedisCache`s may share one, as processes share a server. The methods are what
 * another program, an operator or the server itself does past us.
 */
export class FakeRedis {
  readonly clock: Clock;
  readonly values = new Map<string, HeldValue>();
  readonly metas = new Map<string, HeldMeta>();
  /** Pending markers, key to score. */
  readonly markers = new Map<string, number>();
  readonly leases = new Map<string, { readonly token: string; readonly untilMs: number }>();
  /** What recovery has taken out of use, by user key. */
  readonly aside = new Map<string, HeldValue>();
  /** By bucket; a bucket that is missing here is fenced, and so is one that names another run. */
  readonly states = new Map<number, BucketState>();
  /** Who the server is: another one after every restart and promotion. */
  run = "run 1";
  maxmemoryPolicy: string;
  evictedKeys = 0;
  /** Only told, never enforced. */
  maxmemoryBytes: number | undefined;
  /** While false, every command fails before it does anything. */
  isUp = true;
  #runs = 1;
  #bindings = 0;
  #tickedMs = 0;
  #ticks = 0;

  constructor({ clock, maxmemoryPolicy }: { clock: Clock; maxmemoryPolicy: string }) {
    this.clock = clock;
    this.maxmemoryPolicy = maxmemoryPolicy;
  }

  /** TIME, in whole milliseconds. */
  nowMs(): number {
    return Math.floor(this.clock.nowMs());
  }

  /** TIME in microseconds; while the clock stands still, each question takes one. */
  takeTimeUs(): number {
    const nowMs = this.nowMs();
    this.#ticks = nowMs === this.#tickedMs ? Math.min(this.#ticks + 1, 999) : 0;
    this.#tickedMs = nowMs;
    return nowMs * 1000 + this.#ticks;
  }

  /** SET by another program; like the real one it forgets an earlier TTL. */
  set(key: string, value: string | Buffer, { ttlMs }: { readonly ttlMs?: number } = {}): void {
    const expiresAtMs = ttlMs === undefined ? null : this.nowMs() + ttlMs;
    this.values.set(key, { type: "string", bytes: Buffer.from(value), expiresAtMs });
  }

  /** A key of another Redis type, by another program, in place of what stood there. */
  putOther(key: string, type: string): void {
    this.values.set(key, { type, bytes: Buffer.alloc(0), expiresAtMs: null });
  }

  /** APPEND by another program; an earlier TTL stays. */
  append(key: string, text: string): void {
    const held = this.value(key) ?? { type: "string", bytes: Buffer.alloc(0), expiresAtMs: null };
    this.values.set(key, { ...held, bytes: Buffer.concat([held.bytes, Buffer.from(text)]) });
  }

  /** DEL by another program. */
  del(key: string): void {
    this.values.delete(key);
  }

  /** The server takes value or meta (two keys for Redis) because it needs the memory, if its policy lets it. */
  evict(key: string, what: "value" | "meta"): void {
    const side: Map<string, HeldValue | HeldMeta> = what === "value" ? this.values : this.metas;
    const held = side.get(key);
    if (held === undefined || !this.#mayEvict(held)) return;
    side.delete(key);
    this.evictedKeys += 1;
  }

  /** FLUSHALL. */
  flush(): void {
    const { values, metas, markers, leases, aside, states } = this;
    for (const side of [values, metas, markers, leases, aside, states]) side.clear();
  }

  /** A bucket that belongs to no store is tied to this one, and waits for its recovery. */
  bind(bucket: number, storeId: string): void {
    this.#bindings += 1;
    this.states.set(bucket, { storeId, run: `none since binding ${this.#bindings}`, seq: 0 });
  }

  /** Every bucket works, for this store and under the first epoch. */
  tie(storeId: string): void {
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      this.states.set(bucket, { storeId, run: this.run, epoch: FIRST_EPOCH, seq: 0 });
    }
  }

  /** What a disk or a replica has of the server at this moment. */
  snapshot(): FakeSnapshot {
    const { values, metas, markers, leases, aside, states } = this;
    return structuredClone({ values, metas, markers, leases, aside, states });
  }

  /** The server is restarted, or a replica is promoted, with what is held now or an earlier snapshot of it. */
  restart(from: FakeSnapshot = this.snapshot()): void {
    this.flush();
    const { values, metas, markers, leases, aside, states } = structuredClone(from);
    // A structured clone makes plain byte arrays of buffers.
    const whole = (held: HeldValue) => ({ ...held, bytes: Buffer.from(held.bytes) });
    for (const [key, held] of values) this.values.set(key, whole(held));
    for (const [key, held] of aside) this.aside.set(key, whole(held));
    for (const [key, held] of metas) this.metas.set(key, held);
    for (const [key, score] of markers) this.markers.set(key, score);
    for (const [key, lease] of leases) this.leases.set(key, lease);
    for (const [bucket, state] of states) this.states.set(bucket, state);
    this.evictedKeys = 0;
    this.#runs += 1;
    this.run = `run ${this.#runs}`;
  }

  value(key: string): HeldValue | undefined {
    return this.#alive(this.values, key);
  }

  meta(key: string): CacheMeta | undefined {
    return this.#alive(this.metas, key)?.meta;
  }

  /** PTTL: milliseconds, null for no end. Only of a key that is there. */
  ttlMs(side: "value" | "meta", key: string): number | null {
    const held = side === "value" ? this.value(key) : this.#alive(this.metas, key);
    return held?.expiresAtMs == null ? null : Math.max(0, held.expiresAtMs - this.nowMs());
  }

  lease(key: string): string | undefined {
    const held = this.leases.get(key);
    return held !== undefined && held.untilMs > this.nowMs() ? held.token : undefined;
  }

  /** PEXPIREAT: a time that has passed removes the key at once. */
  setExpiry(side: Map<string, HeldValue> | Map<string, HeldMeta>, key: string, atMs: number): void {
    const both = side as Map<string, { readonly expiresAtMs: number | null }>;
    const held = both.get(key);
    if (held === undefined) return;
    if (atMs <= this.nowMs()) both.delete(key);
    else both.set(key, { ...held, expiresAtMs: atMs });
  }

  /** Every user key of which anything is held, sorted. */
  userKeys(): readonly string[] {
    const all = new Set([...this.values.keys(), ...this.metas.keys(), ...this.markers.keys()]);
    return [...all].filter((key) => this.#holds(key)).sort();
  }

  #holds(key: string): boolean {
    if (key.startsWith(RESERVED_PREFIX)) return false;
    const hasMeta = this.#alive(this.metas, key) !== undefined;
    return this.value(key) !== undefined || hasMeta || this.markers.has(key);
  }

  /** Like Redis, which expires a key on the first millisecond after its time. */
  #alive<T extends { readonly expiresAtMs: number | null }>(
    side: Map<string, T>,
    key: string,
  ): T | undefined {
    const held = side.get(key);
    if (held === undefined || held.expiresAtMs === null || held.expiresAtMs >= this.nowMs()) {
      return held;
    }
    side.delete(key);
    return undefined;
  }

  #mayEvict(held: { readonly expiresAtMs: number | null }): boolean {
    if (this.maxmemoryPolicy === "noeviction") return false;
    return !this.maxmemoryPolicy.startsWith("volatile-") || held.expiresAtMs !== null;
  }
}
