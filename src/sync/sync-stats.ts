import { createHistogram } from "node:perf_hooks";
import type { SyncMethod } from "../model/entry.ts";

export interface SyncStatsReport {
  /** Direct syncs that landed in time, of all that were tried; null before the first. */
  readonly successRate: number | null;
  readonly failureRate: number | null;
  /** Acknowledged writes by the way they went. */
  readonly methods: Readonly<Record<SyncMethod, number>>;
  /** Latency of acknowledged writes, milliseconds; null before the first. */
  readonly latencyMs: {
    readonly mean: number | null;
    readonly p50: number | null;
    readonly p99: number | null;
  };
}

/** What this process has seen of its own writes since it started. */
export class SyncStats {
  readonly #methods: Record<SyncMethod, number> = { ASYNC_THREAD: 0, EVENT_BASED: 0 };
  readonly #latencyUs = createHistogram();
  #landed = 0;
  #failed = 0;

  /** A write was acknowledged to its caller. */
  acknowledged(method: SyncMethod, latencyMs: number): void {
    this.#methods[method] += 1;
    this.#latencyUs.record(Math.max(1, Math.round(latencyMs * 1000)));
  }

  /** A direct sync was tried; late and failed ones count as failures. */
  directSync(outcome: "landed" | "failed"): void {
    if (outcome === "landed") this.#landed += 1;
    else this.#failed += 1;
  }

  report(): SyncStatsReport {
    const tried = this.#landed + this.#failed;
    const seen = this.#latencyUs.count > 0;
    const percentile = (p: number) => (seen ? this.#latencyUs.percentile(p) / 1000 : null);
    return {
      successRate: tried === 0 ? null : this.#landed / tried,
      failureRate: tried === 0 ? null : this.#failed / tried,
      methods: { ...this.#methods },
      latencyMs: {
        mean: seen ? Math.round(this.#latencyUs.mean) / 1000 : null,
        p50: percentile(50),
        p99: percentile(99),
      },
    };
  }
}
