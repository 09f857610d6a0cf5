import type { Version } from "../../src/model/version.ts";
import type { RegisterOperation, RegisterRead } from "../support/lockstep/linearizability.ts";
import type { Machine } from "./machine.ts";

/** A write as its caller saw it; it becomes part of the history when it is known how it ended. */
export interface BegunWrite {
  readonly key: string;
  readonly value: string | null;
  /** What a conditional write required: the value that its condition named. */
  readonly requires?: string | null | undefined;
  readonly beganAt: number;
}

/** How a write ended, as its caller was told. */
interface Acknowledged {
  readonly version: Version;
  /** Whether nothing that is simulated may take it away again. */
  readonly survives: boolean;
  /** Where the process runs that has said so. */
  readonly by: Machine | undefined;
}

interface LostWrite {
  readonly key: string;
  readonly version: Version;
}

interface ToldWrite extends Acknowledged {
  readonly key: string;
  readonly value: string | null;
  readonly beganAt: number;
  readonly endedAt: number;
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
  readonly #writes: ToldWrite[] = [];
  #lost: readonly ToldWrite[] = [];
  /** What processes said that Redis has lost. */
  readonly #losses = new Map<Machine, readonly LostWrite[]>();
  readonly counts = { acknowledged: 0, unknown: 0, refused: 0, reads: 0, failed: 0, lost: 0 };
  #moment = 0;

  moment(): number {
    this.#moment += 1;
    return this.#moment;
  }

  begin(write: Omit<BegunWrite, "beganAt">): BegunWrite {
    return { ...write, beganAt: this.moment() };
  }

  acknowledge(write: BegunWrite, told: Acknowledged): void {
    const { key, value, beganAt } = write;
    const { version, survives } = told;
    this.counts.acknowledged += 1;
    this.told.add(version);
    const newest = this.acknowledged.get(key);
    if (survives && (newest === undefined || version > newest)) this.acknowledged.set(key, version);
    const endedAt = this.moment();
    this.#writes.push({ ...told, key, value, beganAt, endedAt });
    this.history.push(operationOf(write, endedAt));
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

  reported(by: Machine, lost: readonly LostWrite[]): void {
    this.counts.lost += lost.length;
    this.#losses.set(by, lost);
  }

  /** Everything has drained now: what was acknowledged before and is in none of these rows is lost. */
  drained(rows: ReadonlyMap<string, { readonly version: Version }>): void {
    this.#lost = this.#writes.filter(
      ({ key, version, survives }) => !survives && (rows.get(key)?.version ?? "") < version,
    );
  }

  /** What holds whatever is lost. */
  violations(): readonly string[] {
    return [...this.#disorder(), ...this.#forgotten(), ...this.#concealed()];
  }

  /** A write that began after another had been acknowledged outranks it. */
  #disorder(): readonly string[] {
    return this.#writes.flatMap(({ key, version, beganAt }) => {
      const before = newestBefore(this.#writes, key, beganAt);
      return before === undefined || before < version
        ? []
        : [`${key}: ${version} was given after ${before} had been acknowledged.`];
    });
  }

  /** No read shows what is older than a write that survives and was acknowledged before the read began. */
  #forgotten(): readonly string[] {
    const surviving = this.#writes.filter(({ survives }) => survives);
    const versions = new Map(
      this.#writes.map(({ key, value, version }) => [`${key} ${value}`, version]),
    );
    const reads = this.history.filter((one): one is RegisterRead => one.op === "read");
    return reads.flatMap(({ key, value, beganMs, endedMs }) => {
      const newest = newestBefore(surviving, key, beganMs);
      if (newest === undefined) return [];
      const isOlder =
        value === null
          ? !this.#mayBeDeleted(key, newest, endedMs)
          : (versions.get(`${key} ${value}`) ?? newest) < newest;
      const what = `${key}: a read showed ${value ?? "nothing"} after ${newest} had been acknowledged.`;
      return isOlder ? [what] : [];
    });
  }

  #mayBeDeleted(key: string, since: Version, beforeMoment: number): boolean {
    const isToldSince = this.#writes.some(
      (write) => write.key === key && write.value === null && write.version >= since,
    );
    return (
      isToldSince ||
      this.history.some(
        (one) =>
          one.op === "write" &&
          one.key === key &&
          one.value === null &&
          one.endedMs === undefined &&
          one.beganMs < beforeMoment,
      )
    );
  }

  /** What was acknowledged from the journal and never landed is named by the process that has acknowledged it, if that still runs. */
  #concealed(): readonly string[] {
    return this.#lost.flatMap(({ key, version, by }) => {
      if (by === undefined || by.isGone) return [];
      // Of several writes of a key the last one is named.
      const losses = this.#losses.get(by) ?? [];
      if (losses.some((lost) => lost.key === key && lost.version >= version)) return [];
      return [
        `${key}: ${version} was lost, and ${by.name}, which had acknowledged it, keeps silent.`,
      ];
    });
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

/** The newest version of the key that was acknowledged before that moment. */
function newestBefore(
  writes: readonly ToldWrite[],
  key: string,
  moment: number,
): Version | undefined {
  let newest: Version | undefined;
  for (const write of writes) {
    if (write.key !== key || write.endedAt >= moment) continue;
    if (newest === undefined || write.version > newest) newest = write.version;
  }
  return newest;
}

function operationOf(write: BegunWrite, endedMs: number | undefined): RegisterOperation {
  const { key, value, requires, beganAt } = write;
  const condition = requires === undefined ? {} : { requires };
  return { op: "write", key, value, beganMs: beganAt, endedMs, ...condition };
}
