import { chunksOf } from "../lib/chunks-of.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { bucketOf } from "../model/bucket.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";

/** Between two attempts, milliseconds: a cache that is down is not asked more often than its link asks it. */
const RETRY_MS = 1000;

/** So many keys are remembered at most: those that came last. */
const ENTRIES_MAX = 10_000;

/** So many keys of a bucket are told of together. */
const WIDTH = 50;

/** After one of these, whoever comes next in the same bucket would meet the same: it has not recovered, or a side is down. */
const OF_WHOLE_BUCKET: ReadonlySet<string | undefined> = new Set([
  "RECOVERING",
  "CACHE_UNAVAILABLE",
  "STORE_UNAVAILABLE",
]);

/** Tells the cache that the store has these versions. Errors: as the cache, and where it is not the time yet. */
export type TellCache = (landed: ReadonlyMap<string, Version>) => Promise<unknown>;

/**
 * What the store has and the cache could not be told of, because it did not answer or had lost its state. It is told
 * again and again until it answers: that drops what is older, and is harmless whenever it comes. Without it, a reader
 * who looked at the shadow before the write landed could fill what it saw, or a Redis that went back would keep what it
 * brought back, and the key would stay stale until somebody writes or repairs it. Pinned, a write that has its marker is
 * left to the sweep.
 */
export class OwedWords {
  readonly #tellCache: TellCache;
  readonly #clock: Clock;
  readonly #log: Log;
  /** By key the newest: whatever is older than that is dropped with it. */
  readonly #versions = new Map<string, Version>();
  readonly #stopped = new AbortController();
  #forgotten = 0;
  #running: Promise<void> | undefined;

  constructor(parts: {
    readonly tell: TellCache;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#tellCache = parts.tell;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** Shadow or outbox has this version, and the cache could not be told. */
  add(key: string, version: Version, cause: unknown): void {
    const known = this.#versions.get(key);
    if (this.#stopped.signal.aborted || (known !== undefined && known >= version)) return;
    // To the end of the order, by which the oldest goes first.
    this.#versions.delete(key);
    this.#versions.set(key, version);
    const [oldest] = this.#versions.keys();
    if (this.#versions.size > ENTRIES_MAX && oldest !== undefined) {
      this.#versions.delete(oldest);
      this.#forgotten += 1;
    }
    if (this.#running !== undefined) return;
    this.#log.warn({ err: cause, key }, "The cache could not be told of a write; it is told again");
    this.#running = this.#run();
  }

  /** Resolves after a last attempt, where anything is owed. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (this.#versions.size > 0) {
      await this.#clock.sleep(RETRY_MS, signal);
      await this.#tellAll();
      if (signal.aborted) break;
    }
    this.#running = undefined;
    if (this.#forgotten + this.#versions.size === 0) return;
    this.#log.warn(
      { count: this.#forgotten + this.#versions.size },
      "The cache was never told of some writes: it may hold older values of their keys",
    );
    this.#forgotten = 0;
  }

  /** By bucket, since each recovers by itself: one that cannot yet is in no other's way. */
  async #tellAll(): Promise<void> {
    const byBucket = new Map<number, Owed[]>();
    for (const owed of this.#versions) {
      const bucket = bucketOf(owed[0]);
      const ofBucket = byBucket.get(bucket);
      if (ofBucket === undefined) byBucket.set(bucket, [owed]);
      else ofBucket.push(owed);
    }
    await Promise.all([...byBucket.values()].map((ofBucket) => this.#tellBucket(ofBucket)));
  }

  async #tellBucket(ofBucket: readonly Owed[]): Promise<void> {
    for (const some of chunksOf(ofBucket, WIDTH))
      if ((await this.#tell(some)) === "not now") return;
  }

  async #tell(some: readonly Owed[]): Promise<"told" | "refused" | "not now"> {
    try {
      await this.#tellCache(new Map(some));
    } catch (error) {
      this.#log.debug(
        { err: error, keys: some.length },
        "The cache still cannot be told of writes",
      );
      return OF_WHOLE_BUCKET.has(LockstepError.codeOf(error)) ? "not now" : "refused";
    }
    // A newer one may be owed by now.
    for (const [key, version] of some)
      if (this.#versions.get(key) === version) this.#versions.delete(key);
    return "told";
  }
}

type Owed = readonly [key: string, version: Version];
