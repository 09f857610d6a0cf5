import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { bucketOf } from "../model/bucket.ts";
import type { Entry } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { epochOf } from "../model/version.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import { type Epochs, epochsOf } from "./stored-epochs.ts";

/** Longer than a question takes: one that hangs, on a connection that is gone, should not keep the next one, milliseconds. */
const PATIENCE_MS = 100;

type Write = Pick<Entry, "key" | "version">;

/** One question to the store, which all who come before it is sent share. */
interface Question {
  readonly buckets: Set<number>;
  readonly epochs: Promise<Epochs>;
}

/**
 * Tells of writes that are durable already whether the cache that minted them still decides: if the store has left
 * their epoch, that cache has lost state since, or another one has taken its place.
 */
export class EpochCheck {
  readonly #states: Pick<BucketStatesPort, "read">;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #next: Question | undefined;

  constructor(states: Pick<BucketStatesPort, "read">, clock: Clock) {
    this.#states = states;
    this.#clock = clock;
  }

  /**
   * Those of the writes whose epoch has passed. To be asked after the writes are durable and before anyone is told of
   * them. Error: UNKNOWN_OUTCOME where the store does not tell, since they are durable.
   */
  async leftBehind<W extends Write>(writes: readonly W[]): Promise<ReadonlySet<W>> {
    const epochs = await this.#epochsOf(writes);
    return new Set(
      writes.filter(({ key, version }) => (epochs.get(bucketOf(key)) ?? 0) > epochOf(version)),
    );
  }

  async #epochsOf(writes: readonly Write[]): Promise<Epochs> {
    try {
      return await this.#ask(writes.map(({ key }) => bucketOf(key)));
    } catch (error) {
      throw new LockstepError(
        "UNKNOWN_OUTCOME",
        "The store took the write and then did not tell whether the cache that decided it still does.",
        { cause: error },
      );
    }
  }

  /** A question that is under way was sent too early for whoever comes now; the next one is for all who wait. */
  #ask(buckets: readonly number[]): Promise<Epochs> {
    this.#next ??= this.#begin();
    for (const bucket of buckets) this.#next.buckets.add(bucket);
    return this.#next.epochs;
  }

  #begin(): Question {
    const buckets = new Set<number>();
    const epochs = within(this.#clock, PATIENCE_MS, this.#last).then(() => {
      this.#next = undefined;
      return epochsOf(this.#states, [...buckets]);
    });
    this.#last = epochs;
    return { buckets, epochs };
  }
}
