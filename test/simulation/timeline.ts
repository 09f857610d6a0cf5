interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void | Promise<void>) | undefined;
}

/**
 * Simulated time: a queue of events. Between two events all code that can run does, and time stands still meanwhile, so
 * a run depends on nothing but what is put into the queue. Everything that waits in a simulation waits here.
 */
export class Timeline {
  #nowMs = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Milliseconds since the beginning, with fractions. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs `run` in `delayMs`; the answer takes that back. Events of one time run in the order of their scheduling. */
  after(delayMs: number, run: () => void | Promise<void>): () => void {
    this.#order += 1;
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, run };
    push(this.#heap, event);
    return () => {
      event.run = undefined;
    };
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** Runs events until `isOver` says so, which is asked after each, or for `limitMs` at most. */
  async run(isOver: () => boolean, limitMs: number): Promise<"over" | "time is up"> {
    const endMs = this.#nowMs + limitMs;
    for (;;) {
      await turn();
      if (isOver()) return "over";
      const event = this.#nextUntil(endMs);
      if (event === undefined) {
        this.#nowMs = endMs;
        return "time is up";
      }
      this.#nowMs = event.atMs;
      await event.run?.();
    }
  }

  #nextUntil(endMs: number): Event | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > endMs) return undefined;
      pop(this.#heap);
      // What was taken back needs no turn of its own.
      if (first.run !== undefined) return first;
    }
  }
}

/** Resolves when nothing else can run without the next event: Node takes up its queue of ticks once all promises are through. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
}
