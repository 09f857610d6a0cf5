import type { Random } from "../../../lib/random.ts";
import { BUCKETS } from "../../../model/bucket.ts";
import type { Entry } from "../../../model/entry.ts";
import { epochOf, type Version } from "../../../model/version.ts";
import type { WriteCommand } from "../../../model/write-command.ts";
import type {
  Acknowledgement,
  AckOutcome,
  CacheAuthorityPort,
  CachePolicy,
  CacheWrite,
  CopyGuard,
  DropScope,
  SettleOutcome,
} from "../../cache-authority-port.ts";
import type { CacheObservation, CachePage } from "../../cache-port.ts";
import { eachByBucket } from "./each-by-bucket.ts";
import { hashBytes, packRecords } from "./meta-codec.ts";
import { decodeObservation } from "./observation.ts";
import { PendingMarkers, type PendingPage } from "./pending-markers.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { leaseKey, metaKey, pendingKey, sideKeys, stateKey } from "./redis-keys.ts";
import { parseCursor, scanUserKeys } from "./redis-scan.ts";
import { StoreBinding } from "./store-binding.ts";
import { readWriteAnswer, seenArgs, writeArgs } from "./write-call.ts";

/** How long a reader may take from its look at the shadow to its fill. */
const FILL_LEASE_MS = 3000;

/** Where volatile-* needs a TTL on every clean value and no residency is set: far enough never to matter. */
const FAR_RESIDENCY_MS = 365 * 24 * 3600 * 1000;

export interface RedisCacheOptions {
  /** How long a clean value stays in the cache, milliseconds; undefined = until evicted. */
  readonly residencyMs: number | undefined;
  /** How long a synced tombstone is remembered, milliseconds. */
  readonly graceMs: number;
}

/** Redis as the authority: every step is one script, so it is atomic whatever other processes do. */
export class RedisCache implements CacheAuthorityPort {
  readonly kind = "redis";
  readonly #connection: RedisConnection;
  readonly #binding: StoreBinding;
  readonly #markers: PendingMarkers;
  readonly #random: Random;
  readonly #options: RedisCacheOptions;

  constructor(connection: RedisConnection, random: Random, options: RedisCacheOptions) {
    this.#connection = connection;
    this.#binding = new StoreBinding(connection);
    this.#markers = new PendingMarkers(connection);
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
    const { meta, state, pending, lease } = sideKeys(command.key);
    const pinned = this.#pinned;
    const answer = await this.#binding.script(
      "write",
      [command.key, meta, state, pending, lease],
      writeArgs(command, pinned, guard),
    );
    return readWriteAnswer(command, pinned, answer);
  }

  async observe(keys: readonly string[]): Promise<readonly CacheObservation[]> {
    return eachByBucket(keys, async (bucket, batch) => {
      const [, now, ...rows] = await this.#binding.script(
        "observe",
        [stateKey(bucket), pendingKey(bucket), ...batch.flatMap((key) => [key, metaKey(key)])],
        [],
      );
      const nowMs = Number(String(now));
      return batch.map((key, i) => decodeObservation(key, nowMs, rows[i] as unknown[]));
    });
  }

  async timesToLive(keys: readonly string[]): Promise<readonly (number | null | undefined)[]> {
    return eachByBucket(keys, async (bucket, batch) => {
      const [, ...ttls] = await this.#binding.script(
        "ttl",
        [stateKey(bucket), ...batch.flatMap((key) => [key, metaKey(key)])],
        [],
      );
      return (ttls as number[]).map((ttl) => (ttl === -2 ? undefined : ttl === -1 ? null : ttl));
    });
  }

  async acknowledge(acks: readonly Acknowledgement[]): Promise<readonly AckOutcome[]> {
    const versions = new Map(acks.map(({ key, version }) => [key, version]));
    return eachByBucket([...versions.keys()], async (bucket, batch) => {
      const [, ...answers] = await this.#binding.script(
        "acknowledge",
        [stateKey(bucket), pendingKey(bucket), ...batch.flatMap((key) => [key, metaKey(key)])],
        [
          this.#residency,
          String(this.#options.graceMs),
          ...batch.map((key) => versions.get(key) ?? ""),
        ],
      );
      return answers.map((answer) => String(answer) as AckOutcome);
    });
  }

  async settle(key: string, version: Version): Promise<SettleOutcome> {
    return (await this.#settle("settle", key, version)) as SettleOutcome;
  }

  async withdraw(key: string, version: Version): Promise<void> {
    await this.#settle("withdraw", key, version);
  }

  async takeLease(key: string, { fromHolder = false } = {}): Promise<string | undefined> {
    const token = this.#random.hex(8);
    const { state } = sideKeys(key);
    const [status] = await this.#binding.script(
      "lease",
      [state, leaseKey(key)],
      [token, String(FILL_LEASE_MS), fromHolder ? "anyone" : "free"],
    );
    return status === "TAKEN" ? token : undefined;
  }

  async fill(entry: Entry, token: string): Promise<"filled" | "skipped"> {
    return (await this.#fill(entry, token, "")) ? "filled" : "skipped";
  }

  async stamp(entry: Entry, token: string): Promise<"stamped" | "skipped"> {
    return (await this.#fill(entry, token, "stamp")) ? "stamped" : "skipped";
  }

  async drop(seen: CacheObservation, what: DropScope): Promise<"dropped" | "moved"> {
    const { meta, state, pending } = sideKeys(seen.key);
    const [status] = await this.#binding.script(
      "drop",
      [seen.key, meta, state, pending],
      [what, ...seenArgs(seen)],
    );
    return status === "DROPPED" ? "dropped" : "moved";
  }

  pendingOlderThan(page: PendingPage): Promise<readonly string[]> {
    return this.#markers.oldest(page);
  }

  countPending(olderThanMs: number): Promise<number> {
    return this.#markers.count(olderThanMs);
  }

  async scan(page: { prefix?: string; cursor?: string; limit: number }): Promise<CachePage> {
    const place = parseCursor(page.cursor);
    return this.#connection.command("scan", (client) => scanUserKeys(client, place, page));
  }

  async memoryBytes(): Promise<number> {
    await this.#connection.refreshPolicy();
    return Number(this.#connection.info.get("used_memory") ?? 0);
  }

  async provesRemoval(version: Version): Promise<boolean> {
    // Under any other policy no proof is possible, and the server need not be asked.
    if (this.policy?.maxmemoryPolicy !== "noeviction") return false;
    await this.#connection.refreshPolicy();
    if (!this.#connection.neverEvicted) return false;
    // A state of another run means that the server has restarted: what it evicted before, its counters do not tell.
    const runId = this.#connection.info.get("run_id");
    const states = await this.#connection.command("states", (client) =>
      Promise.all(
        Array.from({ length: BUCKETS }, (_, bucket) =>
          client.hmget(stateKey(bucket), "run", "epoch"),
        ),
      ),
    );
    return states.every(([run, epoch]) => run === runId && Number(epoch) === epochOf(version));
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  get #pinned(): boolean {
    return this.policy?.pinned ?? true;
  }

  /** Residency of a clean value in ms as the scripts take it; empty = none. */
  get #residency(): string {
    const residencyMs =
      this.#options.residencyMs ??
      (this.policy?.maxmemoryPolicy.startsWith("volatile-") === true
        ? FAR_RESIDENCY_MS
        : undefined);
    return residencyMs === undefined ? "" : String(residencyMs);
  }

  async #settle(how: "settle" | "withdraw", key: string, version: Version): Promise<string> {
    const { meta, state, lease } = sideKeys(key);
    const [outcome] = await this.#binding.script(
      "settle",
      [key, meta, state, lease],
      [how, version, this.#residency, String(this.#options.graceMs)],
    );
    return outcome;
  }

  async #fill(entry: Entry, token: string, form: "" | "stamp"): Promise<boolean> {
    if (entry.value === null) return false;
    const { meta, state, pending, lease } = sideKeys(entry.key);
    const [status] = await this.#binding.script(
      "fill",
      [entry.key, meta, state, pending, lease],
      [
        token,
        entry.value,
        hashBytes(entry.hash),
        entry.version,
        entry.expiresAtMs === null ? "" : String(entry.expiresAtMs),
        this.#residency,
        form,
        packRecords(entry.idempotency),
      ],
    );
    return status === "FILLED";
  }
}
