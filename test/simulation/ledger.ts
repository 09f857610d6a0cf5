import type { Version } from "../../src/model/version.ts";
import type { RegisterOperation } from "../support/lockstep/linearizability.ts";

/** A write as its caller saw it; it becomes part of the history when it is known how it ended. */
export interface BegunWrite {
  readonly key: string;
  readonly value: string | null;
  /** What a conditional write required: the value that its condition named. */
  readonly requires?: string | null | undefined;
  readonly beganAt: number;
}

/**
 * What callers were told. Moments are counted, not timed: two things that happen at one simulated instant still happen
 * one after the other.
 */
export class Ledger {
  readonly history: RegisterOperation[] = [];
  /** By key, the newest version that must survive. */
  readonly acknowledged = new Map<string, Version>();
  /** Versions of which somebody was told that they are written. */
  readonly told = new Set<Version>();
  readonly counts = { acknowledged: 0, unknown: 0, refused: 0, reads: 0, failed: 0 };
  #moment = 0;

  moment(): number {
    this.#moment += 1;
    return this.#moment;
  }

  begin(write: Omit<BegunWrite, "beganAt">): BegunWrite {
    return { ...write, beganAt: this.moment() };
  }

  /** `survives`: whether nothing that is simulated may take it away again. */
  acknowledge(write: BegunWrite, version: Version, survives: boolean): void {
    const { key } = write;
    this.counts.acknowledged += 1;
    this.told.add(version);
    const newest = this.acknowledged.get(key);
    if (survives && (newest === undefined || version > newest)) this.acknowledged.set(key, version);
    this.history.push(operationOf(write, this.moment()));
  }

  /** It may have been written, may yet be, or never. */
  leaveUnknown(write: BegunWrite): void {
    this.counts.unknown += 1;
    this.history.push(operationOf(write, undefined));
  }

  /** Its caller was told that nothing was written. */
  fail(): void {
    this.counts.failed += 1;
  }

  refuse(key: string, requires: string | null, beganAt: number): void {
    this.counts.refused += 1;
    this.history.push({ op: "refusal", key, requires, beganMs: beganAt, endedMs: this.moment() });
  }

  read(key: string, value: string | null, beganAt: number): void {
    this.counts.reads += 1;
    this.history.push({ op: "read", key, value, beganMs: beganAt, endedMs: this.moment() });
  }
}

/**
 * What remains where the cache may evict a write before the store has it: a reader may then see a write that fails
 * afterwards, or that is gone for a moment and comes back. So reads of writes are left out that were not acknowledged
 * before the read began.
 */
export function withoutEarlyReads(
  history: readonly RegisterOperation[],
): readonly RegisterOperation[] {
  const writes = history.filter((operation) => operation.op === "write");
  return history.filter((read) => {
    if (read.op !== "read") return true;
    const early = writes.filter(
      ({ key, beganMs, endedMs = Number.POSITIVE_INFINITY }) =>
        key === read.key && beganMs < read.endedMs && endedMs > read.beganMs,
    );
    return !early.some(({ value }) => value === read.value);
  });
}

function operationOf(write: BegunWrite, endedMs: number | undefined): RegisterOperation {
  const { key, value, requires, beganAt } = write;
  const condition = requires === undefined ? {} : { requires };
  return { op: "write", key, value, beganMs: beganAt, endedMs, ...condition };
}
