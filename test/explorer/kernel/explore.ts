import { Edges } from "./edges.ts";
import type { Exploration, Model, Violation } from "./model.ts";
import { doubled, StateSet } from "./state-set.ts";

/** What is said of a state from which our code, left alone, never finishes. */
export const NEVER_RESTS = "our code can never finish from here";

/**
 * Visits every state that a model can reach, breadth first, so the first violation found has the shortest trace. Three
 * things are asked: nothing is broken in any state, nothing is broken where the system is at rest, and from every state
 * the program's own steps can lead to rest. The same model is always explored in the same order.
 */
export function explore<W>(model: Model<W>, limits: Limits): Exploration<W> {
  return new Search(model, limits).run();
}

export interface Limits {
  readonly statesMax: number;
  /** No way with more steps is followed. */
  readonly depthMax?: number;
  /** Called once for every length of ways. */
  readonly onDepth?: (depth: number, states: number) => void;
}

class Search<W> {
  readonly #model: Model<W>;
  readonly #limits: Limits;
  readonly #seen = new StateSet();
  readonly #ways = new Ways();
  readonly #programEdges = new Edges();
  readonly #atRest: number[] = [];
  #steps = 0;
  #depth = 0;

  constructor(model: Model<W>, limits: Limits) {
    this.#model = model;
    this.#limits = limits;
  }

  run(): Exploration<W> {
    const { initial } = this.#model;
    const { statesMax, depthMax = Number.POSITIVE_INFINITY, onDepth } = this.#limits;
    this.#seen.add(this.#model.identify(initial));
    this.#ways.add(0, "");
    let level = [{ world: initial, index: 0 }];
    for (;;) {
      const next: typeof level = [];
      for (const { world, index } of level) {
        const violation = this.#expand(world, index, next);
        if (violation !== undefined) return this.#result(violation, false);
        if (this.#seen.size > statesMax) return this.#result(undefined, false);
      }
      if (next.length === 0) return this.#result(this.#stuck(), true);
      level = next;
      this.#depth += 1;
      onDepth?.(this.#depth, this.#seen.size);
      if (this.#depth >= depthMax) return this.#result(undefined, false);
    }
  }

  #expand(world: W, index: number, next: { world: W; index: number }[]): Violation<W> | undefined {
    const found: Violation<W>[] = [];
    const programSteps: number[] = [];
    this.#model.steps(world, (step, nature, after) => {
      if (found.length > 0) return;
      this.#steps += 1;
      const added = this.#seen.add(this.#model.identify(after));
      if (nature === "program") programSteps.push(added.index);
      if (!added.isNew) return;
      this.#ways.add(index, step);
      const what = this.#model.brokenIn(after);
      if (what === undefined) next.push({ world: after, index: added.index });
      else found.push({ what, trace: this.#ways.to(added.index), world: after });
    });
    if (found.length > 0) return found[0];
    for (const to of programSteps) this.#programEdges.add(index, to);
    return programSteps.length === 0 ? this.#rest(world, index) : undefined;
  }

  #rest(world: W, index: number): Violation<W> | undefined {
    this.#atRest.push(index);
    const what = this.#model.brokenAtRest(world);
    return what === undefined ? undefined : { what, trace: this.#ways.to(index), world };
  }

  #stuck(): Violation<W> | undefined {
    const stuck = this.#programEdges.firstWithoutWayTo(this.#atRest, this.#seen.size);
    if (stuck === undefined) return undefined;
    const trace = this.#ways.to(stuck);
    return { what: NEVER_RESTS, trace, world: follow(this.#model, trace) };
  }

  #result(violation: Violation<W> | undefined, complete: boolean): Exploration<W> {
    return {
      model: this.#model.name,
      states: this.#seen.size,
      steps: this.#steps,
      atRest: this.#atRest.length,
      depth: this.#depth,
      complete: complete && violation === undefined,
      violation,
    };
  }
}

/** The world after these steps. Throws where a step is not possible. */
export function follow<W>(model: Model<W>, trace: readonly string[]): W {
  return trace.reduce((world, wanted) => {
    let found: W | undefined;
    model.steps(world, (step, _nature, next) => {
      if (step === wanted) found ??= next;
    });
    if (found === undefined) throw new Error(`The step "${wanted}" is not possible here.`);
    return found;
  }, model.initial);
}

/** From where, and by which step, each state was first reached. */
class Ways {
  #from = new Int32Array(1 << 13);
  #step = new Int32Array(1 << 13);
  #size = 0;
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();

  add(from: number, step: string): void {
    if (this.#size === this.#from.length) {
      this.#from = doubled(this.#from);
      this.#step = doubled(this.#step);
    }
    let number = this.#numbers.get(step);
    if (number === undefined) {
      number = this.#names.push(step) - 1;
      this.#numbers.set(step, number);
    }
    this.#from[this.#size] = from;
    this.#step[this.#size] = number;
    this.#size += 1;
  }

  to(index: number): readonly string[] {
    const trace: string[] = [];
    for (let at = index; at !== 0; at = this.#from[at] as number) {
      trace.push(this.#names[this.#step[at] as number] as string);
    }
    return trace.reverse();
  }
}
