import type {
  CacheBucket,
  CacheBucketsPort,
  LostCopy,
} from "../../src/cache/cache-buckets-port.ts";
import { ALL_BUCKETS } from "../../src/model/bucket.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { FIRST_EPOCH, formatVersion } from "../../src/model/version.ts";
import type { RowVersion } from "../../src/store/bucket-states-port.ts";
import type { FakeRedis } from "./fake-redis.ts";

/** The connection whose buckets these are. */
export interface FakeBucketsConnection {
  /** How long a value that was set aside is kept, milliseconds. */
  readonly graceMs: number;
  /** Makes sure that the server belongs to our store. */
  bind(): Promise<void>;
  /** Makes sure that the server answers. */
  reach(): void;
}

/** Recovery's steps on a {@link FakeRedis}. */
export class FakeBuckets implements CacheBucketsPort {
  readonly #redis: FakeRedis;
  readonly #connection: FakeBucketsConnection;
  #recover: ((bucket: number) => Promise<void>) | undefined;

  constructor(redis: FakeRedis, connection: FakeBucketsConnection) {
    this.#redis = redis;
    this.#connection = connection;
  }

  onLost(recover: (bucket: number) => Promise<void>): void {
    this.#recover = recover;
  }

  async recover(bucket: number): Promise<void> {
    if (this.#recover === undefined)
      throw new LockstepError("RECOVERING", "Redis has lost its state.");
    await this.#recover(bucket);
  }

  async states(buckets: readonly number[] = ALL_BUCKETS): Promise<readonly CacheBucket[]> {
    await this.#connection.bind();
    return buckets.map((bucket) => {
      const { run, epoch, seq = 0, unpinnedSeq } = this.#redis.states.get(bucket) ?? {};
      return {
        bucket,
        isCurrent: run === this.#redis.run,
        incarnation: this.#redis.run,
        epoch,
        lastVersion: epoch === undefined ? undefined : formatVersion(epoch, seq),
        lastUnpinnedSeq: unpinnedSeq,
        token: this.#tokenOf(bucket),
      };
    });
  }

  async dropOlder(
    found: CacheBucket,
    rows: readonly RowVersion[],
  ): Promise<readonly LostCopy[] | "moved"> {
    if (!this.#isAsFound(found)) return "moved";
    return rows.flatMap(({ key, version }) => {
      const meta = this.#redis.meta(key);
      return meta !== undefined && meta.version >= version ? [] : this.#takeOut(key);
    });
  }

  async setAside(
    found: CacheBucket,
    keys: readonly string[],
  ): Promise<readonly LostCopy[] | "moved"> {
    if (!this.#isAsFound(found)) return "moved";
    const expiresAtMs = this.#redis.nowMs() + this.#connection.graceMs;
    return keys.flatMap((key) => {
      const held = this.#redis.value(key);
      if (held?.type === "string") this.#redis.aside.set(key, { ...held, expiresAtMs });
      return this.#takeOut(key);
    });
  }

  async install(found: CacheBucket, epoch: number): Promise<"installed" | "moved"> {
    if (!this.#isAsFound(found)) return "moved";
    const { states, run } = this.#redis;
    const state = states.get(found.bucket);
    if (state === undefined) return "moved";
    const next = Math.max(epoch, found.epoch ?? FIRST_EPOCH);
    states.set(found.bucket, { ...state, run, epoch: next });
    return "installed";
  }

  #takeOut(key: string): readonly LostCopy[] {
    const { values, metas, markers } = this.#redis;
    const version = this.#redis.meta(key)?.version;
    const isOurs = this.#redis.value(key)?.type === "string";
    const wasThere = version !== undefined || isOurs || markers.has(key);
    if (isOurs) values.delete(key);
    metas.delete(key);
    markers.delete(key);
    return wasThere ? [{ key, version }] : [];
  }

  /** Asked and acted on in one turn, as a script is. */
  #isAsFound(found: CacheBucket): boolean {
    this.#connection.reach();
    return this.#tokenOf(found.bucket) === found.token;
  }

  /** The server and the state in one; the seq may move on. */
  #tokenOf(bucket: number): string {
    const { storeId, run, epoch } = this.#redis.states.get(bucket) ?? {};
    return JSON.stringify([this.#redis.run, storeId, run, epoch]);
  }
}
