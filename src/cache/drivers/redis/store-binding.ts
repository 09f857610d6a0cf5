import { BUCKETS } from "../../../model/bucket.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { FIRST_EPOCH } from "../../../model/version.ts";
import type { RedisConnection, ScriptReply } from "./redis-connection.ts";
import { stateKey } from "./redis-keys.ts";
import type { ScriptName } from "./redis-scripts.ts";

const ALL_BUCKETS = [0, ...Array.from({ length: BUCKETS - 1 }, (_, i) => i + 1)] as const;

/** Which store this Redis is kept in step with, and the scripts, each of which asks for that store first. */
export class StoreBinding {
  readonly #connection: RedisConnection;
  #storeId: string | undefined;
  #mismatch: LockstepError | undefined;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /**
   * Ties every bucket to this store, or, without an id (the store does not answer yet), finds the store that this
   * Redis is already tied to. Answers whether a store is known now. Error: STORE_MISMATCH.
   */
  async bind(storeId: string | undefined): Promise<"bound" | "free"> {
    if (this.#connection.policy === undefined) await this.#connection.refreshPolicy();
    const named = await this.#storesOf(ALL_BUCKETS, "");
    const wanted = storeId ?? named.find((id) => id !== undefined);
    if (wanted !== undefined) {
      this.#refuseOthers(named, wanted);
      if (named.includes(undefined)) await this.#claim(wanted);
    }
    this.#mismatch = undefined;
    this.#storeId = wanted;
    return wanted === undefined ? "free" : "bound";
  }

  /** Runs a script for the bound store. A bucket without state (a flushed Redis) is bound again to the same store. */
  async script(
    name: ScriptName,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<ScriptReply> {
    // A Redis that is away is the trouble to tell, even where nobody knows its store yet.
    await this.#connection.connect();
    const storeId = this.#boundStore();
    const reply = await this.#connection.evalsha(name, keys, [storeId, ...args]);
    if (reply[0] !== "FENCED") return reply;
    await this.bind(storeId);
    const second = await this.#connection.evalsha(name, keys, [storeId, ...args]);
    if (second[0] === "FENCED") {
      throw new LockstepError(
        "CACHE_UNAVAILABLE",
        "Redis lost its state again while the call ran.",
      );
    }
    return second;
  }

  /** The first bucket decides between two stores that come at once: only its winner goes on to the others. */
  async #claim(storeId: string): Promise<void> {
    // The states name the run of this server, which may have been restarted since it was last asked.
    await this.#connection.refreshPolicy();
    const [first, ...others] = ALL_BUCKETS;
    this.#refuseOthers(await this.#storesOf([first], storeId), storeId);
    this.#refuseOthers(await this.#storesOf(others, storeId), storeId);
  }

  /** The store that each of the buckets is tied to; with an id, free ones are tied to it first. */
  #storesOf(buckets: readonly number[], claimFor: string): Promise<(string | undefined)[]> {
    const epoch = String(FIRST_EPOCH).padStart(8, "0");
    const runId = this.#connection.info.get("run_id") ?? "";
    return Promise.all(
      buckets.map(async (bucket) => {
        const args = [claimFor, epoch, runId];
        const reply = await this.#connection.evalsha("bind", [stateKey(bucket)], args);
        return reply[0] === "BOUND" ? String(reply[1]) : undefined;
      }),
    );
  }

  #refuseOthers(named: readonly (string | undefined)[], wanted: string): void {
    const other = named.find((id) => id !== undefined && id !== wanted);
    if (other === undefined) return;
    this.#storeId = undefined;
    this.#mismatch = new LockstepError(
      "STORE_MISMATCH",
      `This Redis is kept in step with the store ${other}, not with ${wanted}.`,
    );
    throw this.#mismatch;
  }

  #boundStore(): string {
    if (this.#mismatch !== undefined) throw this.#mismatch;
    if (this.#storeId === undefined) {
      throw new LockstepError(
        "STORE_UNAVAILABLE",
        "This Redis is new, and the store that it will be kept in step with has not answered yet.",
      );
    }
    return this.#storeId;
  }
}
