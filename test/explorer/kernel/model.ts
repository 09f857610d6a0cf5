/**
 * Who takes a step. A *program* step is taken by our own code and will be taken if nothing stops it; a *chance* (a
 * crash, an eviction, a late answer, a tick of the clock) may come or not. A state in which no program step is left is
 * *at rest*.
 */
export type Nature = "program" | "chance";

export type Take<W> = (step: string, nature: Nature, next: W) => void;

/** A system to explore. Worlds are plain data, and are never changed once given away. */
export interface Model<W> {
  readonly name: string;
  readonly initial: W;
  /** Offers every step that is possible in this world, with the world that it leads to. Always in the same order. */
  steps(world: W, take: Take<W>): void;
  /**
   * Numbers that tell this world from every other: the same for equal worlds, and for no two that differ. They may be
   * overwritten at the next call.
   */
  identify(world: W): readonly number[];
  /** What is wrong in this world, if anything. */
  brokenIn(world: W): string | undefined;
  /** What is wrong in this world, in which our code has nothing left to do. */
  brokenAtRest(world: W): string | undefined;
}

export interface Exploration<W> {
  readonly model: string;
  readonly states: number;
  readonly steps: number;
  readonly atRest: number;
  /** The length of the longest of all shortest ways to a state. */
  readonly depth: number;
  /** Whether every reachable state was seen; false after a violation or at the limit of states. */
  readonly complete: boolean;
  readonly violation: Violation<W> | undefined;
}

export interface Violation<W> {
  readonly what: string;
  /** The shortest way there, one name for each step. */
  readonly trace: readonly string[];
  readonly world: W;
}
