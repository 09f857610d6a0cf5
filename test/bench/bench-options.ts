import type { Figure } from "./figure.ts";
import type { Rounds } from "./rounds.ts";

/** How much to measure. */
export interface BenchOptions extends Rounds {
  /** Only shows that everything works: few rows, one round, figures without meaning. */
  readonly small: boolean;
  /** Hears what is being measured now, for people who wait. */
  readonly say: (text: string) => void;
}

/** Measures one metric; starts the servers it needs and closes them. */
export type Bench = (options: BenchOptions) => Promise<readonly Figure[]>;
