import type { CopyClass } from "../../src/verify/classify.ts";
import { Looker, type Sweep } from "../../src/verify/looker.ts";
import type { CacheFirstWorld } from "./cache-first-world.ts";
import type { Step } from "./scripted-writer.ts";

/** Runs steps before the looker's reads, each at the read that it is placed at, and what is left afterwards. */
export class Meanwhile {
  readonly #left: { readonly step: Step; readonly place: number }[];
  #reads = 0;

  constructor(steps: readonly Step[], places: readonly number[]) {
    this.#left = steps.map((step, i) => ({ step, place: places[i]! }));
  }

  readonly beforeRead = async (proceed: () => Promise<unknown>): Promise<unknown> => {
    await this.#runUntil(this.#reads);
    this.#reads += 1;
    return proceed();
  };

  finish(): Promise<void> {
    return this.#runUntil(Number.POSITIVE_INFINITY);
  }

  async #runUntil(place: number): Promise<void> {
    for (let [next] = this.#left; next !== undefined && next.place <= place; [next] = this.#left) {
      this.#left.shift();
      await next.step();
    }
  }
}

/** Lets `beforeRead` decide each read of the looker; undefined lets them pass again. */
export function steerReads(
  world: CacheFirstWorld,
  beforeRead: Meanwhile["beforeRead"] | undefined,
): void {
  for (const method of ["observe", "contents", "digests"] as const)
    world.steered.cache.on(method, beforeRead);
  world.steered.outbox.on("unprocessedOf", beforeRead);
  for (const method of [
    "get",
    "getEach",
    "getMany",
    "getDigests",
    "scanContents",
    "scanDigests",
  ] as const)
    world.steered.store.on(method, beforeRead);
}

/** The world's looker with another pause before the third look, or copies that may not be judged. */
export function lookerWith(
  { ports, clock, past }: CacheFirstWorld,
  {
    pause = async () => undefined,
    isCurrentCopy = true,
  }: { readonly pause?: (ms: number) => Promise<void>; readonly isCurrentCopy?: boolean },
): Looker {
  return new Looker({
    ...ports,
    clock: {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: pause,
    },
    syncObjectiveMs: 10_000,
    provesRemoval: (key, version) => ports.cache.provesRemoval(key, version),
    thirdLookAfterMs: () => (past.cache.policy?.pinned === false ? 2250 : 0),
    isCurrentCopy: () => isCurrentCopy,
  });
}

/** The class of each key of a sweep, once its suspects are confirmed. */
export async function confirmed(
  looker: Looker,
  sweeping: Promise<Sweep>,
): Promise<ReadonlyMap<string, CopyClass>> {
  const { settled, suspects } = await sweeping;
  return new Map([
    ...settled.map(({ key, copyClass }) => [key, copyClass] as const),
    ...(await looker.confirm(suspects)).map(
      ({ look, verdict }) => [look.cache.key, verdict.copyClass] as const,
    ),
  ]);
}
