import type { DeadLetter, OutboxPort } from "../store/outbox-port.ts";

/** Events put back by one call at most: as many as the projector works off in a few seconds. */
const REPLAY_MAX = 1000;

export interface DeadLetterList {
  readonly letters: readonly DeadLetter[];
  /** Parked events in all. */
  readonly total: number;
  /** Where to go on; undefined at the end. */
  readonly cursor: string | undefined;
}

export interface ReplayReport {
  readonly replayed: number;
  /** Events that are still parked, or again. */
  readonly left: number;
}

/** Shows the events that the store has refused too often, and puts them back once the cause is gone. */
export class DeadLetters {
  readonly #outbox: OutboxPort;
  readonly #onReplay: () => void;

  /** `onReplay`: called when events went back, so that they need not wait for the next tick. */
  constructor(outbox: OutboxPort, onReplay: () => void) {
    this.#outbox = outbox;
    this.#onReplay = onReplay;
  }

  /** Errors: STORE_UNAVAILABLE, INPUT_INVALID for a cursor that is not ours. */
  async list(page: { readonly limit: number; readonly cursor?: string }): Promise<DeadLetterList> {
    const { letters, cursor } = await this.#outbox.deadLetters(page);
    return { letters, cursor, total: await this.#outbox.countDead() };
  }

  /**
   * Puts parked events back, all of them where none are named, a thousand at most. One that comes late does no harm,
   * because the shadow only takes newer versions. Error: STORE_UNAVAILABLE.
   */
  async replay(ids?: readonly string[]): Promise<ReplayReport> {
    const named = ids === undefined ? {} : { ids };
    const replayed = await this.#outbox.replay({ ...named, limit: REPLAY_MAX });
    const left = await this.#outbox.countDead();
    if (replayed > 0) this.#onReplay();
    return { replayed, left };
  }
}
