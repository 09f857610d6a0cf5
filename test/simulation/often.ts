import type { SeededRandom } from "../support/seeded-random.ts";
import type { Timeline } from "./timeline.ts";

/** Lets something happen again and again, at moments that know nothing of each other; never where there is no mean time between two of them. */
export function often(
  {
    timeline,
    random,
    everyMs,
    isOver,
  }: {
    readonly timeline: Timeline;
    readonly random: SeededRandom;
    readonly everyMs: number | undefined;
    readonly isOver: () => boolean;
  },
  act: () => void,
): void {
  if (everyMs === undefined) return;
  const again = () => {
    timeline.after(-Math.log(1 - random.fraction()) * everyMs, () => {
      if (isOver()) return;
      act();
      again();
    });
  };
  again();
}
