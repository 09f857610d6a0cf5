import { GroupedCalls } from "../../../lib/grouped-calls.ts";
import type { Random } from "../../../lib/random.ts";
import { bucketOf } from "../../../model/bucket.ts";
import type { Entry } from "../../../model/entry.ts";
import { epochOf, type Version } from "../../../model/version.ts";
import type { WriteCommand } from "../../../model/write-command.ts";
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
} from "../../cache-authority-port.ts";
import type {
  CacheContents,
  CacheDigest,
  CacheObservation,
  CachePage,
  CacheSample,
} from "../../cache-port.ts";
import { measureFill } from "./cache-fill.ts";
import { eachByBucket } from "./each-by-bucket.ts";
import { incarnationOfLease, leaseToken } from "./lease-token.ts";
import { hashBytes, packRecords } from "./meta-codec.ts";
import {
  type ContentsRow,
  decodeContents,
  decodeDigest,
  decodeObservation,
} from "./observation.ts";
import { PendingMarkers, type PendingPage } from "./pending-markers.ts";
import { RedisBuckets } from "./redis-buckets.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { leaseKey, metaKey, pendingKey, sideKeys, stateKey } from "./redis-keys.ts";
import { sampleUserKeys } from "./redis-sample.ts";
import { scanPage } from "./redis-scan.ts";
import { StoreBinding } from "./store-binding.ts";
import { readWriteAnswer, seenArgs, writeArgs } from "./write-call.ts";

/** How long a reader may take from its look at the shadow to its fill. */
const FILL_LEASE_MS = 3000;

/** Where volatile-* needs a TTL on every clean value and no residency is set: far enough never to matter. */
const FAR_RESIDENCY_MS = 365 * 24 * 3600 * 1000;

/** How long a clean value stays where room is short and the policy evicts nothing: for those who read what they wrote. */
const SHORT_RESIDENCY_MS = 2000;

/** Whoever looks at many keys asks for the proof of all at once. */
const PROOFS_TOGETHER = 1000;

export interface RedisCacheOptions {
  /** How long a clean value stays in the cache, milliseconds; undefined = until evicted. */
  readonly residencyMs: number | undefined;
  /** How long a synced tombstone is remembered, milliseconds. */
  readonly graceMs: number;
  /** Whether clean values should soon make room by themselves, where the policy evicts nothing. */
  readonly isShortOfRoom?: () => boolean;
}

/** Redis as the authority: every step is one script, so it is atomic whatever other processes do. */
export class RedisCache implements CacheAuthorityPort {
  readonly kind = "redis";
  readonly buckets: RedisBuckets;
  readonly #connection: RedisConnection;
  readonly #binding: StoreBinding;
  readonly #markers: PendingMarkers;
  readonly #random: Random;
  readonly #options: RedisCacheOptions;
  readonly #proofs = new GroupedCalls<number, ReadonlyMap<number, number>>({
    callsMax: 1,
    itemsMax: PROOFS_TOGETHER,
    call: (buckets) => this.#epochsWithProof(buckets),
  });

  constructor(connection: RedisConnection, random: Random, options: RedisCacheOptions) {
    this.#connection = connection;
    this.#binding = new StoreBinding(connection);
    this.#markers = new PendingMarkers(connection);
    this.buckets = new RedisBuckets(connection, this.#binding, options.graceMs);
    this.#random = random;
    this.#options = options;
  }

  get policy(): CachePolicy | undefined {
    return this.#connection.policy;
  }

  refreshPolicy(): Promise<CachePolicy> {
    return this.#connection.refreshPolicy();
  }

  async ping(): Promise<void> {
    await this.#connection.command("ping", (client) => client.ping());
  }

  bindStore(storeId: string | undefined): Promise<"bound" | "free"> {
    return this.#binding.bind(storeId);
  }

  async write(command: WriteCommand, guard?: CopyGuard): Promise<CacheWrite> {
    const { bucket, meta, state, pending, lease } = sideKeys(command.key);
    const pinned = this.#pinned;
    const answer = await this.#binding.script("write", {
      bucket,
      keys: [command.key, meta, state, pending, lease],
      args: writeArgs(command, pinned, guard),
      under: guard?.token === undefined ? undefined : incarnationOfLease(guard.token),
    });
    return readWriteAnswer(command, pinned, answer);
  }

  async observe(
    keys: readonly string[],
    { whenLost = "wait" }: { readonly whenLost?: WhenLost } = {},
  ): Promise<readonly CacheObservation[]> {
    return eachByBucket(keys, async (bucket, batch) => {
      const [, now, ...rows] = await this.#binding.script("observe", {
        bucket,
        keys: [
          stateKey(bucket),
          pendingKey(bucket),
          ...batch.flatMap((key) => [key, metaKey(key)]),
        ],
        args: [whenLost === "read" ? "lost too" : ""],
        waits: whenLost !== "refuse",
      });
      const nowMs = Number(String(now));
      return batch.map((key, i) => decodeObservation(key, nowMs, rows[i] as unknown[]));
    });
  }

  async contents(keys: readonly string[]): Promise<readonly CacheContents[]> {
    return this.#contents(keys, "values", decodeContents);
  }

  async digests(keys: readonly string[]): Promise<readonly CacheDigest[]> {
    return this.#contents(keys, "lengths", decodeDigest);
  }

  async timesToLive(keys: readonly string[]): Promise<readonly (number | null | undefined)[]> {
    return eachByBucket(keys, async (bucket, batch) => {
      const [, ...ttls] = await this.#binding.script("ttl", {
        bucket,
        keys: [stateKey(bucket), ...batch.flatMap((key) => [key, metaKey(key)])],
        args: [],
      });
      return (ttls as number[]).map((ttl) => (ttl === -2 ? undefined : ttl === -1 ? null : ttl));
    });
  }

  async acknowledge(acks: readonly Acknowledgement[]): Promise<readonly AckOutcome[]> {
    const versions = new Map(acks.map(({ key, version }) => [key, version]));
    return eachByBucket([...versions.keys()], async (bucket, batch) => {
      const [, ...answers] = await this.#binding.script("acknowledge", {
        bucket,
        keys: [
          stateKey(bucket),
          pendingKey(bucket),
          ...batch.flatMap((key) => [key, metaKey(key), leaseKey(key)]),
        ],
        args: [
          this.#residency,
          String(this.#options.graceMs),
          ...batch.map((key) => versions.get(key) ?? ""),
        ],
      });
      return answers.map((answer) => String(answer) as AckOutcome);
    });
  }

  async settle(key: string, version: Version): Promise<SettleOutcome> {
    return (await this.#settle("settle", key, version)) as SettleOutcome;
  }

  async withdraw(key: string, version: Version): Promise<"withdrawn" | "kept"> {
    return (await this.#settle("withdraw", key, version)) === "kept" ? "kept" : "withdrawn";
  }

  async takeLease(key: string, { fromHolder = false } = {}): Promise<string | undefined> {
    const { bucket, state } = sideKeys(key);
    const { id } = await this.#connection.incarnation();
    const token = leaseToken(this.#random.hex(8), id);
    const [status] = await this.#binding.script("lease", {
      bucket,
      keys: [state, leaseKey(key)],
      args: [token, String(FILL_LEASE_MS), fromHolder ? "anyone" : "free"],
    });
    return status === "TAKEN" ? token : undefined;
  }

  async fill(entry: Entry, token: string): Promise<"filled" | "skipped"> {
    return (await this.#fill(entry, token, "")) ? "filled" : "skipped";
  }

  async stamp(entry: Entry, token: string): Promise<"stamped" | "skipped"> {
    return (await this.#fill(entry, token, "stamp")) ? "stamped" : "skipped";
  }

  async drop(seen: CacheObservation, what: DropScope): Promise<"dropped" | "moved"> {
    const { bucket, meta, state, pending } = sideKeys(seen.key);
    const [status] = await this.#binding.script("drop", {
      bucket,
      keys: [seen.key, meta, state, pending],
      args: [what, ...seenArgs(seen)],
    });
    return status === "DROPPED" ? "dropped" : "moved";
  }

  pendingOlderThan(page: PendingPage): Promise<readonly string[]> {
    return this.#markers.oldest(page);
  }

  oldestPendingSeqs(): Promise<ReadonlyMap<number, number>> {
    return this.#markers.oldestSeqs();
  }

  countPending(olderThanMs: number): Promise<number> {
    return this.#markers.count(olderThanMs);
  }

  async scan(page: { prefix?: string; cursor?: string; limit: number }): Promise<CachePage> {
    return scanPage(this.#connection, page);
  }

  async scanId(): Promise<string> {
    return (await this.#connection.incarnation()).id;
  }

  sample(request: { prefix?: string; size: number; random: Random }): Promise<CacheSample> {
    return sampleUserKeys(this.#connection, request);
  }

  async memoryBytes(): Promise<number> {
    await this.#connection.refreshPolicy();
    return Number(this.#connection.info.get("used_memory") ?? 0);
  }

  async provesRemoval(key: string, version: Version): Promise<boolean> {
    // Under any other policy no proof is possible, and the server need not be asked.
    if (this.policy?.maxmemoryPolicy !== "noeviction") return false;
    const bucket = bucketOf(key);
    return (await this.#proofs.with(bucket)).get(bucket) === epochOf(version);
  }

  /**
   * The epoch of each bucket in which nothing was ever evicted. Not of a state of another incarnation: what that one
   * evicted, this one's counters do not tell.
   */
  async #epochsWithProof(buckets: readonly number[]): Promise<ReadonlyMap<number, number>> {
    await this.#connection.refreshPolicy();
    if (!this.#connection.neverEvicted) return new Map();
    const { id } = await this.#connection.incarnation();
    const asked = [...new Set(buckets)];
    const states = await this.#connection.command("state", (client) =>
      Promise.all(asked.map((bucket) => client.hmget(stateKey(bucket), "run", "epoch"))),
    );
    return new Map(
      asked.flatMap((bucket, i) => {
        const [run, epoch] = states[i] ?? [];
        return run === id ? [[bucket, Number(epoch)]] : [];
      }),
    );
  }

  measure(): Promise<CacheFill> {
    return measureFill(this.#connection, this.#markers);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #contents<Value, Contents>(
    keys: readonly string[],
    wanted: "values" | "lengths",
    decode: (key: string, nowMs: number, row: ContentsRow<Value>) => Contents,
  ): Promise<readonly Contents[]> {
    return eachByBucket(keys, async (bucket, batch) => {
      const [, now, ...answer] = await this.#binding.script("contents", {
        bucket,
        keys: [
          stateKey(bucket),
          pendingKey(bucket),
          ...batch.flatMap((key) => [key, metaKey(key)]),
        ],
        args: [wanted],
      });
      const nowMs = Number(String(now));
      return batch.map((key, i) =>
        decode(key, nowMs, answer.slice(4 * i, 4 * i + 4) as unknown as ContentsRow<Value>),
      );
    });
  }

  get #pinned(): boolean {
    return this.policy?.pinned ?? true;
  }

  /** Residency of a clean value in ms as the scripts take it; empty = none. */
  get #residency(): string {
    const policy = this.policy?.maxmemoryPolicy;
    const residencyMs =
      this.#options.residencyMs ??
      (policy?.startsWith("volatile-") === true ? FAR_RESIDENCY_MS : undefined);
    if (policy === "noeviction" && this.#options.isShortOfRoom?.() === true)
      return String(Math.min(SHORT_RESIDENCY_MS, residencyMs ?? SHORT_RESIDENCY_MS));
    return residencyMs === undefined ? "" : String(residencyMs);
  }

  async #settle(how: "settle" | "withdraw", key: string, version: Version): Promise<string> {
    const { bucket, meta, state, lease, pending } = sideKeys(key);
    const [outcome] = await this.#binding.script("settle", {
      bucket,
      keys: [key, meta, state, lease, pending],
      args: [how, version, this.#residency, String(this.#options.graceMs)],
    });
    return outcome;
  }

  async #fill(entry: Entry, token: string, form: "" | "stamp"): Promise<boolean> {
    if (entry.value === null) return false;
    const { bucket, meta, state, pending, lease } = sideKeys(entry.key);
    const [status] = await this.#binding.script("fill", {
      bucket,
      keys: [entry.key, meta, state, pending, lease],
      under: incarnationOfLease(token),
      args: [
        token,
        entry.value,
        hashBytes(entry.hash),
        entry.version,
        entry.expiresAtMs === null ? "" : String(entry.expiresAtMs),
        this.#residency,
        form,
        packRecords(entry.idempotency),
      ],
    });
    return status === "FILLED";
  }
}
