/** Every way to merge two sequences that keeps the order within each. */
export function* mergesOf<T>(left: readonly T[], right: readonly T[]): Generator<readonly T[]> {
  const [first, ...rest] = left;
  const [other, ...others] = right;
  if (first === undefined || other === undefined) {
    yield [...left, ...right];
    return;
  }
  for (const merged of mergesOf(rest, right)) yield [first, ...merged];
  for (const merged of mergesOf(left, others)) yield [other, ...merged];
}

/**
 * Every way to place `steps` steps, in their order, at `places` places: for each step the number of its place, never
 * lower than the one before.
 */
export function* placingsOf(steps: number, places: number, from = 0): Generator<readonly number[]> {
  if (steps === 0) {
    yield [];
    return;
  }
  for (let place = from; place < places; place += 1) {
    for (const rest of placingsOf(steps - 1, places, place)) yield [place, ...rest];
  }
}
