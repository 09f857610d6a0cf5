import { ALL_BUCKETS } from "../../../model/bucket.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { RedisConnection, ScriptReply } from "./redis-connection.ts";
import { stateKey } from "./redis-keys.ts";
import type { ScriptName } from "./redis-scripts.ts";

interface ScriptCall {
  readonly bucket: number;
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  /**
   * The incarnation in which the step began, where it has several parts: it is not continued in another one, and
   * FENCED is its answer.
   */
  readonly under?: string | undefined;
  /** Whether to wait for the recovery of a bucket that has lost its state; true unless told. */
  readonly waits?: boolean;
}

/** Which store this Redis is kept in step with, and the scripts, each of which asks for that store and this server first. */
export class StoreBinding {
  readonly #connection: RedisConnection;
  #storeId: string | undefined;
  #mismatch: LockstepError | undefined;
  #recover: ((bucket: number) => Promise<void>) | undefined;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** The bound store. Errors: STORE_MISMATCH, STORE_UNAVAILABLE where none is known. */
  get storeId(): string {
    if (this.#mismatch !== undefined) throw this.#mismatch;
    if (this.#storeId === undefined) {
      throw new LockstepError(
        "STORE_UNAVAILABLE",
        "This Redis is new, and the store that it will be kept in step with has not answered yet.",
      );
    }
    return this.#storeId;
  }

  onLost(recover: (bucket: number) => Promise<void>): void {
    this.#recover = recover;
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

  /** Runs a script for the bound store. A bucket that has lost its state is recovered first. Error: RECOVERING. */
  async script(
    name: ScriptName,
    { bucket, keys, args, under, waits = true }: ScriptCall,
  ): Promise<ScriptReply> {
    // A Redis that is away is the trouble to tell, even where nobody knows its store yet.
    await this.#connection.connect();
    const run = () => this.#connection.evalsha(name, keys, [this.storeId, ...args], under);
    const first = await run();
    if (first[0] !== "FENCED" || under !== undefined) return first;
    // The server may have taken a new name under the same data, and others may have recovered it since.
    await this.#connection.identifyAgain();
    const second = await run();
    if (second[0] !== "FENCED") return second;
    const recovered = this.#recover?.(bucket);
    if (!waits) recovered?.catch(() => undefined);
    if (!waits || recovered === undefined) throw recovering(bucket);
    await recovered;
    const third = await run();
    if (third[0] === "FENCED") throw recovering(bucket);
    return third;
  }

  /** The first bucket decides between two stores that come at once: only its winner goes on to the others. */
  async #claim(storeId: string): Promise<void> {
    const [first, ...others] = ALL_BUCKETS;
    this.#refuseOthers(await this.#storesOf([first], storeId), storeId);
    this.#refuseOthers(await this.#storesOf(others, storeId), storeId);
  }

  /** The store that each of the buckets is tied to; with an id, free ones are tied to it first. */
  #storesOf(buckets: readonly number[], claimFor: string): Promise<(string | undefined)[]> {
    return Promise.all(
      buckets.map(async (bucket) => {
        const reply = await this.#connection.evalsha("bind", [stateKey(bucket)], [claimFor]);
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
}

function recovering(bucket: number): LockstepError {
  return new LockstepError(
    "RECOVERING",
    `Redis has lost its state of bucket ${bucket}, which has not been recovered yet.`,
  );
}
