/** A version that somebody had in hand from a time on. */
export interface Held {
  readonly version: string;
  readonly endedMs: number;
  /** For people: "#12". */
  readonly name: string;
}

interface Floor {
  readonly atMs: number;
  readonly version: string;
  readonly name: string;
}

/** The newest version that anybody had in hand by a time. */
export class Floors {
  readonly #steps: Floor[] = [];

  constructor(held: readonly Held[]) {
    for (const { endedMs, version, name } of held.toSorted((a, b) => a.endedMs - b.endedMs)) {
      if (version > (this.#steps.at(-1)?.version ?? "")) {
        this.#steps.push({ atMs: endedMs, version, name });
      }
    }
  }

  before(ms: number): Floor | undefined {
    return this.#steps.findLast(({ atMs }) => atMs < ms);
  }
}
