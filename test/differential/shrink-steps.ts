/** How often a stream is tried again in search of a shorter one. */
const TRIES_MAX = 200;

/**
 * Leaves out of a stream what it does not need to differ: halves, then quarters, and so on down to single steps, as long
 * as anything can go. A try that fails otherwise keeps its steps.
 */
export async function shrinkSteps<Step>(
  steps: readonly Step[],
  differs: (steps: readonly Step[]) => Promise<boolean>,
  triesMax = TRIES_MAX,
): Promise<readonly Step[]> {
  let kept = steps;
  let tries = 0;
  let length = Math.ceil(kept.length / 2);
  while (kept.length > 1) {
    let hasShrunk = false;
    for (let from = kept.length - length; from > -length && tries < triesMax; from -= length) {
      const without = [...kept.slice(0, Math.max(0, from)), ...kept.slice(from + length)];
      tries += 1;
      if (without.length === 0 || !(await differs(without).catch(() => false))) continue;
      kept = without;
      hasShrunk = true;
    }
    if (tries >= triesMax || (length === 1 && !hasShrunk)) break;
    length = Math.max(1, Math.min(Math.floor(length / 2), kept.length));
  }
  return kept;
}
