import { doubled } from "./state-set.ts";

/** Who leads to whom, for the question which states can still come to rest. */
export class Edges {
  #from = new Int32Array(1 << 14);
  #to = new Int32Array(1 << 14);
  #size = 0;

  add(from: number, to: number): void {
    if (this.#size === this.#from.length) {
      this.#from = doubled(this.#from);
      this.#to = doubled(this.#to);
    }
    this.#from[this.#size] = from;
    this.#to[this.#size] = to;
    this.#size += 1;
  }

  /** The lowest of `states` numbers from which no way leads to any of `goals`. */
  firstWithoutWayTo(goals: readonly number[], states: number): number | undefined {
    const { starts, sources } = this.#byTarget(states);
    const hasWay = new Uint8Array(states);
    const queue = [...goals];
    for (const goal of goals) hasWay[goal] = 1;
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (let i = starts[next] as number; i < (starts[next + 1] as number); i += 1) {
        const source = sources[i] as number;
        if (hasWay[source] === 1) continue;
        hasWay[source] = 1;
        queue.push(source);
      }
    }
    const found = hasWay.indexOf(0);
    return found === -1 ? undefined : found;
  }

  /** The sources of each target, one target after the other. */
  #byTarget(states: number): { readonly starts: Int32Array; readonly sources: Int32Array } {
    const starts = new Int32Array(states + 1);
    for (let i = 0; i < this.#size; i += 1) starts[(this.#to[i] as number) + 1]! += 1;
    for (let state = 0; state < states; state += 1) starts[state + 1]! += starts[state] as number;
    const sources = new Int32Array(this.#size);
    const filled = starts.slice();
    for (let i = 0; i < this.#size; i += 1) {
      const target = this.#to[i] as number;
      sources[filled[target] as number] = this.#from[i] as number;
      filled[target]! += 1;
    }
    return { starts, sources };
  }
}
