import { ALL_BUCKETS } from "../../../model/bucket.ts";
import { FIRST_EPOCH, formatVersion } from "../../../model/version.ts";
import type { RowVersion } from "../../../store/bucket-states-port.ts";
import type { CacheBucket, CacheBucketsPort, LostCopy } from "../../cache-buckets-port.ts";
import type { RedisConnection, ScriptReply } from "./redis-connection.ts";
import { asideKey, metaKey, pendingKey, stateKey } from "./redis-keys.ts";
import type { ScriptName } from "./redis-scripts.ts";
import type { StoreBinding } from "./store-binding.ts";

/** A state as it was found, and where. */
interface FoundState {
  readonly incarnation: string;
  readonly run: string;
  readonly epoch: string;
}

/** The states of the buckets and the steps of recovery, each one script. */
export class RedisBuckets implements CacheBucketsPort {
  readonly #connection: RedisConnection;
  readonly #binding: StoreBinding;
  readonly #graceMs: number;

  constructor(connection: RedisConnection, binding: StoreBinding, graceMs: number) {
    this.#connection = connection;
    this.#binding = binding;
    this.#graceMs = graceMs;
  }

  onLost(recover: (bucket: number) => Promise<void>): void {
    this.#binding.onLost(recover);
  }

  async states(buckets: readonly number[] = ALL_BUCKETS): Promise<readonly CacheBucket[]> {
    const { storeId } = this.#binding;
    const { id } = await this.#connection.identifyAgain();
    let states = await this.#read(buckets);
    if (states.some(([store]) => store !== storeId)) {
      await this.#binding.bind(storeId);
      states = await this.#read(buckets);
    }
    return states.map(([, run = "", epoch = "", seq, unpinned = null], at) => {
      const found: FoundState = { incarnation: id, run: run ?? "", epoch: epoch ?? "" };
      // What another hand has made of them says nothing.
      const knownEpoch = digits(epoch, 8);
      const knownSeq = digits(seq, 16);
      return {
        bucket: buckets[at] as number,
        isCurrent: run === id,
        incarnation: id,
        epoch: knownEpoch,
        lastVersion:
          knownEpoch === undefined || knownSeq === undefined
            ? undefined
            : formatVersion(knownEpoch, knownSeq),
        lastUnpinnedSeq: unpinned === null ? undefined : (digits(unpinned, 16) ?? knownSeq),
        token: JSON.stringify(found),
      };
    });
  }

  /** Store, run, epoch, seq and the seq of the last write without a marker, of each. */
  #read(buckets: readonly number[]): Promise<(string | null)[][]> {
    return this.#connection.command("states", (client) =>
      Promise.all(
        buckets.map((bucket) =>
          client.hmget(stateKey(bucket), "store", "run", "epoch", "seq", "unpinned"),
        ),
      ),
    );
  }

  async dropOlder(
    found: CacheBucket,
    rows: readonly RowVersion[],
  ): Promise<readonly LostCopy[] | "moved"> {
    const { bucket } = found;
    const reply = await this.#step("drop-older", found, {
      keys: [pendingKey(bucket), ...rows.flatMap(({ key }) => [key, metaKey(key)])],
      args: rows.map(({ version }) => version),
    });
    return lostCopies(reply, rows);
  }

  async setAside(
    found: CacheBucket,
    keys: readonly string[],
  ): Promise<readonly LostCopy[] | "moved"> {
    const reply = await this.#step("set-aside", found, {
      keys: [
        pendingKey(found.bucket),
        ...keys.flatMap((key) => [key, metaKey(key), asideKey(key)]),
      ],
      args: [String(this.#graceMs)],
    });
    return lostCopies(
      reply,
      keys.map((key) => ({ key })),
    );
  }

  async install(found: CacheBucket, epoch: number): Promise<"installed" | "moved"> {
    // Never below what an earlier epoch of this cache has minted already.
    const next = Math.max(epoch, found.epoch ?? FIRST_EPOCH);
    const [status] = await this.#step("install", found, {
      keys: [],
      args: [String(next).padStart(8, "0")],
    });
    return status === "INSTALLED" ? "installed" : "moved";
  }

  async #step(
    name: ScriptName,
    { bucket, token }: CacheBucket,
    { keys, args }: { readonly keys: readonly string[]; readonly args: readonly string[] },
  ): Promise<ScriptReply> {
    const { incarnation, run, epoch } = JSON.parse(token) as FoundState;
    return this.#connection.evalsha(
      name,
      [stateKey(bucket), ...keys],
      [this.#binding.storeId, run, epoch, ...args],
      incarnation,
    );
  }
}

function digits(text: string | null | undefined, count: number): number | undefined {
  return text?.length === count && /^\d+$/.test(text) ? Number(text) : undefined;
}

function lostCopies(
  [status, ...dropped]: ScriptReply,
  rows: readonly { readonly key: string }[],
): readonly LostCopy[] | "moved" {
  if (status !== "DONE") return "moved";
  return rows.flatMap(({ key }, i) => {
    const version = String(dropped[i]);
    return version === "" ? [] : [{ key, version: version === "?" ? undefined : version }];
  });
}
