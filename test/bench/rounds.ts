/** What several rounds of one measurement came to. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: number;
}

/** One thing to measure; each call is one round and answers its figure. */
export type Contender = () => Promise<number>;

export interface Rounds {
  readonly rounds: number;
  /** Whether one more round comes first that is not counted. */
  readonly warmUp: boolean;
}

/**
 * Measures all contenders in each round, every second time in the reverse order, so that a slow minute of the machine
 * and the traces that one leaves for the next fall on all of them.
 */
export async function alternate<Name extends string>(
  { rounds, warmUp }: Rounds,
  contenders: Readonly<Record<Name, Contender>>,
): Promise<Readonly<Record<Name, Spread>>> {
  const names = Object.keys(contenders) as Name[];
  const seen = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = warmUp ? 0 : 1; round <= rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const figure = await contenders[name]();
      if (round > 0) seen.get(name)?.push(figure);
    }
  }
  const spreads = names.map((name) => [name, spreadOf(seen.get(name) ?? [])]);
  return Object.fromEntries(spreads) as Record<Name, Spread>;
}

export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((one, other) => one - other);
  const at = (place: number) => sorted[place] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
    rounds: sorted.length,
  };
}

/** How many per second `work` does, if it does `count`. */
export async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (count * 1000) / (performance.now() - startedMs);
}
