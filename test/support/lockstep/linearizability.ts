/**
 * One operation on a key, as its caller saw it. Times are of one clock, and data TTL is not modelled: record only keys
 * whose values do not expire. A read or a refusal that nobody was told of says nothing; leave it out.
 */
export type RegisterOperation = RegisterWrite | RegisterRead | RegisterRefusal;

interface Timed {
  readonly key: string;
  readonly beganMs: number;
}

export interface RegisterWrite extends Timed {
  readonly op: "write";
  /** undefined: nobody was told how it ended. It may take effect at any time after it began, or never. */
  readonly endedMs: number | undefined;
  /** null: a delete. Every other value is written once to each key, so that a read tells which write it saw. */
  readonly value: string | null;
  /** A conditional write takes effect only where the key has this value; null: where it has none. */
  readonly requires?: string | null | undefined;
}

export interface RegisterRead extends Timed {
  readonly op: "read";
  readonly endedMs: number;
  /** null: not found. */
  readonly value: string | null;
}

/** A conditional write whose caller was told that the key has not what it requires. */
export interface RegisterRefusal extends Timed {
  readonly op: "refusal";
  readonly endedMs: number;
  readonly requires: string | null;
}

export interface RegisterOptions {
  /** What keys hold before the history begins; a key that is missing here holds nothing. */
  readonly initial?: ReadonlyMap<string, string>;
  /** A search that takes more steps than this for one key is given up. */
  readonly stepsMax?: number;
}

/** Some ten seconds. Orders are found in little more steps than there are operations; to rule all out can take many. */
const STEPS_MAX = 1_000_000;

/**
 * Which keys did not behave as one register each, as sentences; none if the history is linearizable: every key has an
 * order of its operations in which each sees what the one before it left, and none stands before another that had
 * ended when it began. Throws TypeError where a value was written twice, and Error where `stepsMax` was too little
 * to tell.
 */
export function checkRegister(
  history: readonly RegisterOperation[],
  { initial = new Map(), stepsMax = STEPS_MAX }: RegisterOptions = {},
): readonly string[] {
  const byKey = new Map<string, RegisterOperation[]>();
  for (const operation of history) {
    const known = byKey.get(operation.key);
    if (known === undefined) byKey.set(operation.key, [operation]);
    else known.push(operation);
  }
  return [...byKey].flatMap(([key, operations]) => {
    const standing = initial.get(key) ?? null;
    checkDistinct(operations, standing);
    const impasse = new OrderSearch(operations, standing, stepsMax).impasse();
    return impasse === undefined ? [] : [`${key}: ${impasse}`];
  });
}

function checkDistinct(operations: readonly RegisterOperation[], initial: string | null): void {
  const written = new Set<string | null>([initial]);
  for (const { op, key, ...operation } of operations) {
    if (op !== "write" || !("value" in operation) || operation.value === null) continue;
    if (written.has(operation.value)) {
      throw new TypeError(`The value ${operation.value} was written to ${key} twice.`);
    }
    written.add(operation.value);
  }
}

/** One place of the search: what was put into the order to come here, and which writes can still be tried next. */
interface Place {
  /** What stood before. */
  readonly before: string | null;
  readonly added: RegisterOperation[];
  readonly untried: RegisterWrite[];
}

/**
 * A depth-first search for an order (Wing and Gong) that remembers where it has been (Lowe): from the same operations
 * done and the same value standing it ends alike. Three things keep it short. What only looks is put into the order
 * as soon as it sees what it saw, since it changes nothing. A value is not overwritten while somebody is yet to see it,
 * as it cannot come back. And a write that nobody was told of is put in only where somebody is yet to see it: it
 * can be left out anywhere else.
 */
class OrderSearch {
  /** In the order in which they began. */
  readonly #told: readonly RegisterOperation[];
  readonly #untold: readonly RegisterWrite[];
  /** Values that some operation saw or requires. */
  readonly #seen: ReadonlySet<string | null>;
  readonly #stepsMax: number;
  readonly #done = new Set<RegisterOperation>();
  readonly #visited = new Set<string>();
  /** How many operations that must still be done have to see each value. */
  readonly #mustSee = new Map<string | null, number>();
  /** All of `#told` before this index is done. */
  #first = 0;
  #standing: string | null;
  #doneTold = 0;
  #deepest = -1;
  #description = "";

  constructor(operations: readonly RegisterOperation[], initial: string | null, stepsMax: number) {
    const began = operations.toSorted((one, other) => one.beganMs - other.beganMs);
    this.#told = began.filter(({ endedMs }) => endedMs !== undefined);
    this.#untold = began.filter(
      (operation): operation is RegisterWrite =>
        operation.op === "write" && operation.endedMs === undefined,
    );
    this.#seen = new Set(
      operations.flatMap((operation) => {
        const value = operation.op === "read" ? operation.value : operation.requires;
        return value === undefined ? [] : [value];
      }),
    );
    this.#stepsMax = stepsMax;
    this.#standing = initial;
    for (const operation of operations) this.#expect(operation, 1);
  }

  /** undefined: there is an order. Else the farthest that any came. */
  impasse(): string | undefined {
    const path = [this.#enter()];
    for (let steps = 0; ; steps += 1) {
      if (this.#doneTold === this.#told.length) return undefined;
      if (steps === this.#stepsMax) {
        throw new Error(`No order was found or ruled out within ${this.#stepsMax} steps.`);
      }
      const place = path.at(-1);
      if (place === undefined) return this.#description;
      const next = place.untried.pop();
      if (next !== undefined) path.push(this.#enter(next));
      else {
        this.#leave(place);
        path.pop();
      }
    }
  }

  #enter(write?: RegisterWrite): Place {
    const before = this.#standing;
    const added: RegisterOperation[] = [];
    if (write !== undefined) {
      this.#standing = write.value;
      this.#add(write, added);
    }
    while (this.#next().some((operation) => this.#absorb(operation, added)));
    if (this.#doneTold > this.#deepest) this.#describe();
    const signature = this.#signature();
    if (this.#visited.has(signature)) return { before, added, untried: [] };
    this.#visited.add(signature);
    return { before, added, untried: this.#candidates() };
  }

  #leave({ before, added }: Place): void {
    for (const operation of added) {
      this.#done.delete(operation);
      this.#expect(operation, 1);
      if (operation.endedMs !== undefined) this.#doneTold -= 1;
    }
    this.#first = 0;
    this.#skipDone();
    this.#standing = before;
  }

  /** Puts an operation that only looks into the order, if it sees what stands. */
  #absorb(operation: RegisterOperation, added: RegisterOperation[]): boolean {
    const sees =
      operation.op === "read"
        ? operation.value === this.#standing
        : operation.op === "refusal" && operation.requires !== this.#standing;
    if (sees) this.#add(operation, added);
    return sees;
  }

  #add(operation: RegisterOperation, added: RegisterOperation[]): void {
    this.#done.add(operation);
    this.#expect(operation, -1);
    if (operation.endedMs !== undefined) this.#doneTold += 1;
    this.#skipDone();
    added.push(operation);
  }

  #skipDone(): void {
    while (this.#first < this.#told.length && this.#done.has(this.#told[this.#first]!)) {
      this.#first += 1;
    }
  }

  /** What of `#told` may stand next: it began before any other that is not done had ended. */
  #next(): RegisterOperation[] {
    const open: RegisterOperation[] = [];
    const horizonMs = this.#horizonMs((operation) => open.push(operation));
    return open.filter(({ beganMs }) => beganMs <= horizonMs);
  }

  /** When the first of those that are not done ended. */
  #horizonMs(visit: (operation: RegisterOperation) => void): number {
    let horizonMs = Number.POSITIVE_INFINITY;
    for (let at = this.#first; at < this.#told.length; at += 1) {
      const operation = this.#told[at]!;
      if (operation.beganMs > horizonMs) break;
      if (this.#done.has(operation)) continue;
      visit(operation);
      horizonMs = Math.min(horizonMs, operation.endedMs ?? horizonMs);
    }
    return horizonMs;
  }

  /** The writes that may stand next, the one that ended first last, where `pop` finds it first. */
  #candidates(): RegisterWrite[] {
    const open: RegisterOperation[] = [];
    const horizonMs = this.#horizonMs((operation) => open.push(operation));
    const next = [...open, ...this.#untold.filter((write) => !this.#done.has(write))].filter(
      ({ beganMs }) => beganMs <= horizonMs,
    );
    const writes = next.filter(isWrite).filter((write) => this.#canFollow(write));
    const told = writes.filter(({ endedMs }) => endedMs !== undefined);
    const untold = writes.filter(
      (write) => write.endedMs === undefined && this.#isWanted(write, next),
    );
    return [
      ...untold.filter((write) => !this.#isLikeOthers(write)),
      // One of each kind stands for all: what one could do later, the others can.
      ...untold.filter((write) => this.#isLikeOthers(write) && write.value === null).slice(0, 1),
      ...untold.filter((write) => this.#isLikeOthers(write) && write.value !== null).slice(0, 1),
      ...told.toSorted((one, other) => (other.endedMs ?? 0) - (one.endedMs ?? 0)),
    ];
  }

  /** A delete, or a write whose value nobody sees: any other of these leaves the same behind, as far as can be told. */
  #isLikeOthers({ value, requires }: RegisterWrite): boolean {
    return requires === undefined && (value === null || !this.#seen.has(value));
  }

  #canFollow(write: RegisterWrite): boolean {
    const standing = this.#standing;
    if (write.requires !== undefined && write.requires !== standing) return false;
    if (standing === null) return true;
    const ownLook = mustSee(write) === standing ? 1 : 0;
    return (this.#mustSee.get(standing) ?? 0) === ownLook;
  }

  /** Somebody who may come next waits for it. */
  #isWanted({ value }: RegisterWrite, waiting: readonly RegisterOperation[]): boolean {
    if (value === this.#standing) return false;
    return waiting.some((operation) => {
      if (operation.op === "read") return operation.value === value;
      if (operation.op === "refusal") return operation.requires === this.#standing;
      return operation.requires === value;
    });
  }

  #expect(operation: RegisterOperation, change: 1 | -1): void {
    const sees = mustSee(operation);
    if (sees !== undefined) this.#mustSee.set(sees, (this.#mustSee.get(sees) ?? 0) + change);
  }

  #signature(): string {
    const ahead: number[] = [];
    for (let at = this.#first; at < this.#told.length; at += 1) {
      if (this.#done.has(this.#told[at]!)) ahead.push(at);
      if (ahead.length + this.#first === this.#doneTold) break;
    }
    const untold = this.#untold.flatMap((write, at) => (this.#done.has(write) ? [at] : []));
    // Values that nobody sees are all the same to those that are still to come.
    const standing = this.#seen.has(this.#standing) ? this.#standing : 0;
    return JSON.stringify([this.#first, ahead, untold, standing]);
  }

  #describe(): void {
    this.#deepest = this.#doneTold;
    const open = this.#next().map(
      (operation) => `${nameOf(operation)} [${operation.beganMs}, ${operation.endedMs}]`,
    );
    const done = `${this.#doneTold} of ${this.#told.length} operations`;
    this.#description = `no order explains more than ${done}; with ${quoted(this.#standing)} standing, none of these comes next: ${open.join(", ")}`;
  }
}

function isWrite(operation: RegisterOperation): operation is RegisterWrite {
  return operation.op === "write";
}

/** The value without which an operation cannot be in the order, if it has to be there. */
function mustSee(operation: RegisterOperation): string | null | undefined {
  if (operation.op === "read") return operation.value;
  if (operation.op === "refusal" || operation.endedMs === undefined) return undefined;
  return operation.requires;
}

function nameOf(operation: RegisterOperation): string {
  switch (operation.op) {
    case "read":
      return `read ${quoted(operation.value)}`;
    case "refusal":
      return `refused as not ${quoted(operation.requires)}`;
    case "write": {
      const { value, requires } = operation;
      const what = value === null ? "delete" : `write ${quoted(value)}`;
      return requires === undefined ? what : `${what} over ${quoted(requires)}`;
    }
  }
}

function quoted(value: string | null): string {
  return value === null ? "nothing" : JSON.stringify(value);
}
