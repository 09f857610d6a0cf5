import type { LostCopy } from "../cache/cache-buckets-port.ts";
import type { RowVersion } from "../store/bucket-states-port.ts";

/** So many lost writes are kept by key; the latest of them. */
const LOST_KEPT_MAX = 100;

/** What this process has recovered since it started. */
export interface RecoveryReport {
  /** Buckets that this process has put right. */
  readonly buckets: number;
  /** When the last one was, milliseconds since 1970; null = never. */
  readonly lastAtMs: number | null;
  /** Cached copies that were older than their rows. */
  readonly dropped: number;
  /** Copies that may have been deleted since, and are kept under another name. */
  readonly setAside: number;
  /** Writes acknowledged by this process from the journal that Redis has lost. */
  readonly lost: number;
  /** The latest of them. */
  readonly lostWrites: readonly RowVersion[];
}

export class RecoveryStats {
  #report: RecoveryReport = {
    buckets: 0,
    lastAtMs: null,
    dropped: 0,
    setAside: 0,
    lost: 0,
    lostWrites: [],
  };

  get report(): RecoveryReport {
    return this.#report;
  }

  recovered(nowMs: number): void {
    this.#report = { ...this.#report, buckets: this.#report.buckets + 1, lastAtMs: nowMs };
  }

  dropped(copies: readonly LostCopy[]): void {
    this.#report = { ...this.#report, dropped: this.#report.dropped + copies.length };
  }

  setAside(copies: readonly LostCopy[]): void {
    this.#report = { ...this.#report, setAside: this.#report.setAside + copies.length };
  }

  lost(writes: readonly RowVersion[]): void {
    this.#report = {
      ...this.#report,
      lost: this.#report.lost + writes.length,
      lostWrites: [...this.#report.lostWrites, ...writes].slice(-LOST_KEPT_MAX),
    };
  }
}
