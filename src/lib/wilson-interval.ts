/** Where the true share of something lies, judged by a sample; both ends in [0, 1]. */
export interface ShareInterval {
  readonly low: number;
  readonly high: number;
}

/** Standard deviations on each side of a 95 % interval. */
const Z_95 = 1.959964;

/**
 * Wilson's 95 % interval of a share of which `hits` of `looks` were seen. Unlike the plain normal one it stays honest where a
 * sample shows none or all: 50 hits of 50 still leave room for a share of 0.93. Without a look nothing is known: 0 to 1.
 */
export function wilsonInterval(hits: number, looks: number): ShareInterval {
  if (looks <= 0) return { low: 0, high: 1 };
  const share = hits / looks;
  const z2 = Z_95 ** 2;
  const centre = (share + z2 / (2 * looks)) / (1 + z2 / looks);
  const half =
    (Z_95 / (1 + z2 / looks)) * Math.sqrt((share * (1 - share)) / looks + z2 / (4 * looks ** 2));
  // At the ends rounding may leave it a hair beside the share itself.
  return {
    low: hits === 0 ? 0 : Math.max(0, centre - half),
    high: hits === looks ? 1 : Math.min(1, centre + half),
  };
}

/**
 * The least number of looks whose interval leaves `threshold` out if `share` of them are hits: the nearer the two, the
 * more, and without end where they meet. It follows from the formula above, solved for the looks.
 */
export function looksToTell(share: number, threshold: number): number {
  const distance = Math.abs(share - threshold);
  if (distance === 0) return Number.POSITIVE_INFINITY;
  return Math.floor((Z_95 ** 2 * threshold * (1 - threshold)) / distance ** 2) + 1;
}
