import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { Projector } from "../../src/sync/projector.ts";
import { perSecond } from "./rounds.ts";

/** Rows per second of the projector, until it finds the outbox empty that holds them. */
export function drainOutbox(
  rows: number,
  options: Pick<
    ConstructorParameters<typeof Projector>[0],
    "outbox" | "store" | "acknowledge" | "batchSize"
  >,
): Promise<number> {
  const projector = new Projector({
    ...options,
    sweep: undefined,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    intervalMs: 2000,
    attemptsMax: 8,
  });
  return perSecond(rows, () => projector.drain(new AbortController().signal));
}
