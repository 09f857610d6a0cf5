import { setImmediate as turn } from "node:timers/promises";
import type { Steered } from "../../support/steer.ts";
import type { ReplayProcess } from "./process.ts";

/** A call of a port that waits for its turn. */
export interface WaitingCall {
  readonly method: string;
  readonly args: readonly unknown[];
  /** Lets the call through, and waits while the server answers; it does not where it has lost its state. */
  readonly letThrough: () => Promise<void>;
}

/**
 * A production service, under way in a process of its own, whose every call of a server waits until it is let through.
 * Its clock is its own too, so that its time can run out alone.
 */
export class Actor {
  readonly world: ReplayProcess;
  readonly waiting: WaitingCall[] = [];
  /** Calls whose answer does not come in time; they may reach their server later, or never. */
  readonly delayed: WaitingCall[] = [];
  isOver = false;

  constructor(world: ReplayProcess, run: (world: ReplayProcess) => Promise<unknown>) {
    this.world = world;
    const { steered, steeredStates, steeredBuckets, recoveryStates, steeredPurge } = world;
    this.#hold("cache", steered.cache);
    this.#hold("store", steered.store);
    this.#hold("outbox", steered.outbox);
    this.#hold("bucketStates", steeredStates);
    this.#hold("bucketStates", recoveryStates);
    this.#hold("buckets", steeredBuckets);
    this.#hold("purge", steeredPurge);
    const end = () => {
      this.isOver = true;
    };
    void run(world).then(end, end);
  }

  /** Lets the next call of one of these methods through, and before it those of `others`; undefined if none comes. */
  async letThrough(
    methods: readonly string[],
    others: readonly string[],
  ): Promise<WaitingCall | undefined> {
    const call = await this.#next(methods, others);
    await call?.letThrough();
    return call;
  }

  /** Lets the time run out for the next call of one of these methods; tells whether it came. */
  async delay(methods: readonly string[], others: readonly string[], ms: number): Promise<boolean> {
    const call = await this.#next(methods, others);
    if (call === undefined) return false;
    this.delayed.push(call);
    await this.world.clock.advance(ms);
    await settled();
    return true;
  }

  /** A call that is late, or that comes after one that was. */
  takeLate(isMeant: (call: WaitingCall) => boolean): WaitingCall | undefined {
    for (const calls of [this.delayed, this.waiting]) {
      const at = calls.findIndex(isMeant);
      if (at >= 0) return calls.splice(at, 1)[0];
    }
    return undefined;
  }

  /** All late calls of these methods. */
  takeAllLate(methods: readonly string[]): readonly WaitingCall[] {
    const late = this.delayed.filter(({ method }) => methods.includes(method));
    for (const call of late) this.delayed.splice(this.delayed.indexOf(call), 1);
    return late;
  }

  async #next(
    methods: readonly string[],
    others: readonly string[],
  ): Promise<WaitingCall | undefined> {
    for (;;) {
      await settled();
      const wanted = this.#take(methods);
      if (wanted !== undefined) return wanted;
      const other = this.#take(others);
      if (other === undefined) return undefined;
      await other.letThrough();
    }
  }

  #take(methods: readonly string[]): WaitingCall | undefined {
    const at = this.waiting.findIndex(({ method }) => methods.includes(method));
    return at < 0 ? undefined : this.waiting.splice(at, 1)[0];
  }

  #hold(name: string, side: Pick<Steered<object>, "onEvery">): void {
    side.onEvery((proceed, args, method) => {
      if (isSideIssue(method, args)) return proceed();
      return new Promise((resolve, reject) => {
        const letThrough = () => {
          proceed().then(resolve, reject);
          return settled();
        };
        this.waiting.push({ method: `${name}.${method}`, args, letThrough });
      });
    });
  }
}

/** A look at all buckets, of which one alone is ever lost; and whether a cache is new to its store, which is for the log. */
function isSideIssue(method: string, args: readonly unknown[]): boolean {
  const [first] = args;
  switch (method) {
    case "states":
      return first === undefined;
    case "read":
      return (first as readonly number[]).length > 1;
    case "rowsAbove":
      return (first as { readonly limit: number }).limit === 1;
    default:
      return false;
  }
}

/** Nothing here waits for anything but promises, and a few turns of the event loop are more than any chain of them. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 3; turns += 1) await turn();
}
