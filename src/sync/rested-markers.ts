import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { Clock } from "../lib/clock.ts";
import { STATEMENT_LIFE_MS } from "../store/statement-life.ts";

/** By bucket, the seq of the oldest marker. */
type Seqs = ReadonlyMap<number, number>;

/** Looks that follow each other more closely are not all remembered, milliseconds. */
const APART_MS = 60_000;

interface Look {
  /** Nothing of what was seen had been read later than this. */
  readonly atMs: number;
  readonly seqs: Seqs;
}

/**
 * The markers of the journal as a purge has to take them. A sweep may have read a pending write just before its marker
 * went, and stand still since; so a marker holds a row for as long as a statement lives after it was last seen, and
 * nothing is told before the journal has been watched for as long.
 */
export class RestedMarkers {
  readonly #journal: Pick<CacheAuthorityPort, "oldestPendingSeqs">;
  readonly #clock: Clock;
  /** Oldest first; the first alone may be older than a statement's life. */
  readonly #looks: Look[] = [];

  constructor(journal: Pick<CacheAuthorityPort, "oldestPendingSeqs">, clock: Clock) {
    this.#journal = journal;
    this.#clock = clock;
  }

  /** Of each bucket the oldest seq that anyone may still hold; undefined where that cannot be said yet. Error: CACHE_UNAVAILABLE. */
  async oldestSeqs(): Promise<Seqs | undefined> {
    const seqs = await this.#journal.oldestPendingSeqs();
    // By the monotonic clock, which at worst stands still while the machine sleeps.
    const atMs = this.#clock.monotonicMs();
    this.#remember({ atMs, seqs });
    const [first] = this.#looks;
    if (first === undefined || atMs - first.atMs < STATEMENT_LIFE_MS) return undefined;
    return oldestOf([...this.#looks.map((look) => look.seqs), seqs]);
  }

  #remember(look: Look): void {
    const last = this.#looks.at(-1);
    if (last === undefined || look.atMs - last.atMs >= APART_MS) this.#looks.push(look);
    const rested = this.#looks.findLastIndex(({ atMs }) => look.atMs - atMs >= STATEMENT_LIFE_MS);
    if (rested > 0) this.#looks.splice(0, rested);
  }
}

function oldestOf(looks: readonly Seqs[]): Seqs {
  const oldest = new Map<number, number>();
  for (const seqs of looks) {
    for (const [bucket, seq] of seqs) oldest.set(bucket, Math.min(seq, oldest.get(bucket) ?? seq));
  }
  return oldest;
}
