import type { Clock } from "../../../lib/clock.ts";
import type { ErrorCode } from "../../../model/error-table.ts";
import type { LockstepError } from "../../../model/lockstep-error.ts";
import { translated } from "./sqlite-error.ts";

/** Between two attempts to get the lock: about as long as the thread itself has waited for it. */
const LOCK_RETRY_MS = 20;

/** So many writes share a transaction at most, so that the thread and the lock are free again after a few milliseconds. */
const MEMBERS_MAX = 128;

/** The connection's transaction. Each step does its work before it returns. */
export interface Transaction {
  /** With the write lock; answers why not, where another process holds it. Other trouble is thrown. */
  begin(): LockstepError | undefined;
  savepoint(): void;
  /** Forgets the savepoint and keeps what was written since. */
  release(): void;
  /** Undoes what was written since the savepoint; "ended" where SQLite has undone the whole transaction by itself. */
  undo(): "undone" | "ended";
  /** Throws SQLite's own error. */
  commit(): void;
  /** Harmless where there is none. */
  rollBack(): void;
}

export interface GroupedWriteOptions<T> {
  /** What callers are told when the COMMIT fails. */
  readonly commitFailure: ErrorCode;
  /** Runs in the same turn of the event loop as the commit. */
  readonly onCommitted?: ((result: T) => void) | undefined;
}

export interface GroupCommitOptions {
  readonly clock: Clock;
  /** How long a write waits for another process' lock, milliseconds. */
  readonly lockWaitMs: number;
  /** Resolves when this turn of the event loop is over; a simulation has turns of its own. */
  readonly endOfTurn?: (() => Promise<void>) | undefined;
}

interface Member {
  readonly deadlineMs: number;
  readonly commitFailure: ErrorCode;
  /** Does the write inside the transaction; what it answers is to be called once that is committed. */
  readonly attempt: () => () => void;
  readonly reject: (error: unknown) => void;
}

interface Attempted {
  readonly member: Member;
  /** It has failed by itself, and nothing of it is left in the transaction. */
  readonly isUndone: boolean;
  readonly settle: () => void;
}

/**
 * Group commit: the writes of one turn of the event loop share a transaction and its flush, and so do those that come
 * while another process holds the lock. The flush is what a durable write costs, so a hundred cost little more than one.
 * A write waits for no company: the transaction begins when the turn in which the first one came is over.
 *
 * In the transaction each sees what those before it wrote, and fails by itself, undone to a savepoint. From the lock to
 * the last answer there is no await, so nobody else in this process looks in between.
 */
export class GroupCommit {
  readonly #transaction: Transaction;
  readonly #clock: Clock;
  readonly #lockWaitMs: number;
  readonly #endOfTurn: () => Promise<void>;
  #waiting: Member[] = [];
  #isWorking = false;

  constructor(
    transaction: Transaction,
    { clock, lockWaitMs, endOfTurn = turnOfLoop }: GroupCommitOptions,
  ) {
    this.#transaction = transaction;
    this.#clock = clock;
    this.#lockWaitMs = lockWaitMs;
    this.#endOfTurn = endOfTurn;
  }

  /** `body` may run more than once; what it did in a transaction that was undone is as if it had not been. */
  write<T>(body: () => T, { commitFailure, onCommitted }: GroupedWriteOptions<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const attempt = () => {
        const result = body();
        return () => {
          onCommitted?.(result);
          resolve(result);
        };
      };
      const deadlineMs = this.#clock.monotonicMs() + this.#lockWaitMs;
      this.#waiting.push({ deadlineMs, commitFailure, attempt, reject });
      if (!this.#isWorking) void this.#work();
    });
  }

  /** Writes what waits, as far as it can be written at once; the rest fails. */
  flush(): void {
    while (this.#waiting.length > 0) {
      const refused = this.#attemptNow();
      if (refused !== undefined) this.#refuse(refused, () => true);
    }
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    await this.#endOfTurn();
    while (this.#waiting.length > 0) {
      const nowMs = this.#clock.monotonicMs();
      const refused = this.#attemptNow();
      if (refused === undefined) await this.#endOfTurn();
      else {
        this.#refuse(refused, ({ deadlineMs }) => deadlineMs <= nowMs);
        if (this.#waiting.length > 0) await this.#clock.sleep(LOCK_RETRY_MS);
      }
    }
    this.#isWorking = false;
  }

  /** One transaction for those that have waited longest; answers why not, where another process holds the lock. */
  #attemptNow(): LockstepError | undefined {
    let refused: LockstepError | undefined;
    try {
      refused = this.#transaction.begin();
    } catch (error) {
      this.#refuse(error, () => true);
      return undefined;
    }
    if (refused === undefined) this.#run(this.#waiting.splice(0, MEMBERS_MAX));
    return refused;
  }

  #run(members: readonly Member[]): void {
    const attempted: Attempted[] = [];
    for (const member of members) {
      const result = this.#attempt(member, members.length > 1);
      if (result === "ended") {
        // What the others wrote is undone with it, so they begin again without it.
        this.#waiting.unshift(...members.filter((other) => other !== member));
        return;
      }
      attempted.push(result);
    }
    this.#commit(attempted);
  }

  /** "ended": it has failed, been told so, and taken the transaction with it. */
  #attempt(member: Member, hasCompany: boolean): Attempted | "ended" {
    try {
      if (hasCompany) this.#transaction.savepoint();
      const settle = member.attempt();
      if (hasCompany) this.#transaction.release();
      return { member, isUndone: false, settle };
    } catch (error) {
      if (hasCompany && this.#transaction.undo() === "undone")
        return { member, isUndone: true, settle: () => member.reject(error) };
      this.#transaction.rollBack();
      member.reject(error);
      return "ended";
    }
  }

  #commit(attempted: readonly Attempted[]): void {
    try {
      this.#transaction.commit();
    } catch (error) {
      this.#transaction.rollBack();
      for (const { member, isUndone, settle } of attempted) {
        if (isUndone) settle();
        // A refusal was judged beside neighbours that are gone now, so it stands no more than a write does.
        else member.reject(translated(error, member.commitFailure));
      }
      return;
    }
    for (const { member, settle } of attempted) {
      try {
        settle();
      } catch (error) {
        member.reject(error);
      }
    }
  }

  #refuse(error: unknown, isMeant: (member: Member) => boolean): void {
    const meant = this.#waiting.filter(isMeant);
    this.#waiting = this.#waiting.filter((member) => !isMeant(member));
    for (const { reject } of meant) reject(error);
  }
}

/** When everything that has arrived by now has been looked at. */
function turnOfLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
