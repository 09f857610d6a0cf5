import { breach } from "../guarantees.ts";
import { Interner } from "../kernel/interner.ts";
import type { Model, Nature } from "../kernel/model.ts";

/**
 * Two keys in two buckets, which have nothing in common but the batch that brings both to the shadow: a bulk whose parts
 * land in any order, one look at the epochs of both, one word to the cache for each bucket. The server goes back as a
 * whole, and each bucket recovers by itself. One key alone is explored in the scenarios; here only what a batch could
 * mix up is kept, so a bucket is no more than its epochs and versions.
 */
export interface Buckets {
  readonly sides: readonly [Side, Side];
  /** Which run of the server the buckets are installed for; a rollback makes it another. */
  readonly run: number;
  readonly rollbacks: number;
  readonly batch: Batch;
}

interface Side {
  readonly run: number;
  readonly epoch: number;
  readonly seq: number;
  /** The version of the copy, and whether it is marked. */
  readonly copy: number;
  readonly isMarked: boolean;
  readonly row: number;
  readonly storeEpoch: number;
  /** The newest version of which a caller was told that the shadow has it. */
  readonly told: number;
  /** Where recovery of this bucket stands, and the row that it has seen. */
  readonly recovery: "idle" | "raised" | "compared";
  readonly seen: number;
}

interface Batch {
  readonly at: "minting" | "landing" | "checking" | "telling" | "done";
  readonly versions: readonly [number, number];
  /** Those that have landed, that are of an epoch that the store has left, and that are done with. */
  readonly landed: readonly [boolean, boolean];
  readonly behind: readonly [boolean, boolean];
  readonly finished: readonly [boolean, boolean];
}

/** What a batch must keep apart, each with what is done instead. */
export const BATCH_MECHANISMS = {
  word_to_each_bucket: "one bucket's word to the cache is taken for all",
  landing_of_each: "the answer to a bulk is taken before every part of it has landed",
} as const;

export type BatchMechanism = keyof typeof BATCH_MECHANISMS;

const EPOCH = 1000;
const FRESH: Side = {
  run: 1,
  epoch: 1,
  seq: 1,
  copy: EPOCH + 1,
  isMarked: false,
  row: EPOCH + 1,
  storeEpoch: 1,
  told: EPOCH + 1,
  recovery: "idle",
  seen: 0,
};
const NO: readonly [boolean, boolean] = [false, false];

type Take = (step: string, nature: Nature, next: Buckets) => void;
type Index = 0 | 1;

const BOTH: readonly Index[] = [0, 1];

export function twoBuckets(removed?: BatchMechanism): Model<Buckets> {
  const interner = new Interner();
  const has = (mechanism: BatchMechanism) => removed !== mechanism;
  return {
    name: "two buckets in a batch",
    initial: {
      sides: [FRESH, FRESH],
      run: 1,
      rollbacks: 1,
      batch: { at: "minting", versions: [0, 0], landed: NO, behind: NO, finished: NO },
    },
    steps(world, take) {
      offerBatch(world, take, has);
      for (const at of BOTH) {
        offerSweep(world, at, take);
        offerRecovery(world, at, take);
      }
      offerChances(world, take);
    },
    identify: (world) => [interner.numberOf(world)],
    brokenIn: ({ sides, run }) => firstBreach(sides, (side) => brokenIn(side, run)),
    brokenAtRest: ({ sides }) => firstBreach(sides, brokenAtRest),
  };
}

function offerBatch(world: Buckets, take: Take, has: (mechanism: BatchMechanism) => boolean): void {
  const { batch, sides, run } = world;
  for (const at of BOTH) {
    const side = sides[at];
    const version = batch.versions[at];
    const isCurrent = side.run === run;
    if (batch.at === "minting" && version === 0 && isCurrent) {
      const seq = side.seq + 1;
      const minted = side.epoch * EPOCH + seq;
      const versions = replaced(batch.versions, at, minted);
      const next = {
        ...batch,
        versions,
        at: versions.includes(0) ? batch.at : ("landing" as const),
      };
      const written = { ...side, seq, copy: minted, isMarked: true };
      take(`mint ${at}`, "program", { ...withSide(world, at, written), batch: next });
    }
    if (batch.at !== "minting" && version !== 0 && !batch.landed[at]) {
      const landed = replaced(batch.landed, at, true);
      const isEnough = has("landing_of_each") ? !landed.includes(false) : true;
      const next = {
        ...batch,
        landed,
        at: batch.at === "landing" && isEnough ? ("checking" as const) : batch.at,
      };
      const row = { ...side, row: Math.max(side.row, version) };
      take(`land ${at}`, "program", { ...withSide(world, at, row), batch: next });
    }
    if (batch.at === "telling" && !batch.finished[at] && isCurrent) {
      const finished = has("word_to_each_bucket")
        ? replaced(batch.finished, at, true)
        : ([true, true] as const);
      const isOver = !finished.includes(false);
      const next = { ...batch, finished, at: isOver ? ("done" as const) : batch.at };
      let after: Buckets = { ...withSide(world, at, acknowledged(side)), batch: next };
      for (const each of BOTH) {
        if (finished[each] === batch.finished[each] || batch.behind[each]) continue;
        const told = Math.max(after.sides[each].told, batch.versions[each]);
        after = withSide(after, each, { ...after.sides[each], told });
      }
      take(`acknowledge ${at}`, "program", after);
    }
  }
  if (batch.at === "checking") {
    const behind = BOTH.map((at) => {
      const { storeEpoch } = sides[at];
      return storeEpoch > Math.floor(batch.versions[at] / EPOCH);
    }) as unknown as readonly [boolean, boolean];
    take("check the epochs", "program", { ...world, batch: { ...batch, behind, at: "telling" } });
  }
}

/** What waits under a marker is brought to the shadow, in one step here: the scenarios have its parts. */
function offerSweep(world: Buckets, at: Index, take: Take): void {
  const side = world.sides[at];
  if (world.batch.at !== "done" || !side.isMarked || side.run !== world.run) return;
  const swept = acknowledged({ ...side, row: Math.max(side.row, side.copy) });
  take(`sweep ${at}`, "program", withSide(world, at, swept));
}

function offerRecovery(world: Buckets, at: Index, take: Take): void {
  const side = world.sides[at];
  const go = (step: string, next: Side) =>
    take(`recovery of ${at}: ${step}`, "program", withSide(world, at, next));
  if (side.run === world.run) return;
  switch (side.recovery) {
    case "idle":
      return go("raise the epoch", {
        ...side,
        storeEpoch: side.storeEpoch + 1,
        recovery: "raised",
      });
    case "raised":
      return go("look at the row", { ...side, seen: side.row, recovery: "compared" });
    case "compared": {
      const isOlder = side.copy < side.seen;
      const kept = isOlder ? { ...side, copy: 0, isMarked: false } : side;
      return go("drop what is older, install", {
        ...kept,
        run: world.run,
        epoch: side.storeEpoch,
        recovery: "idle",
        seen: 0,
      });
    }
  }
}

function offerChances(world: Buckets, take: Take): void {
  const { sides, rollbacks } = world;
  if (rollbacks > 0) {
    // Redis goes back to what it was at first, and what only the journal had goes with it.
    const back = (side: Side): Side => ({
      ...FRESH,
      row: side.row,
      storeEpoch: side.storeEpoch,
      told: side.told,
    });
    take("roll back", "chance", {
      ...world,
      sides: [back(sides[0]), back(sides[1])],
      run: world.run + 1,
      rollbacks: rollbacks - 1,
    });
  }
}

/** acknowledge.lua with what the row has now. */
function acknowledged(side: Side): Side {
  if (side.copy > side.row) return side;
  return side.copy === side.row
    ? { ...side, isMarked: false }
    : { ...side, copy: 0, isMarked: false };
}

function brokenIn(side: Side, run: number): string | undefined {
  if (side.row < side.told)
    return breach("G2", `version ${side.told} was told and is not in the shadow`);
  if (side.run !== run) return undefined;
  const shown = side.copy === 0 ? side.row : side.copy;
  if (shown < side.told)
    return breach("G2", `a read shows ${shown} although ${side.told} was told`);
  return undefined;
}

function brokenAtRest(side: Side): string | undefined {
  if (side.isMarked) return breach("G9", "a marker is never cleared");
  if (side.copy === 0 || side.copy === side.row) return undefined;
  return breach("G7", `the cache stays at ${side.copy} and the shadow at ${side.row}`);
}

function firstBreach(
  sides: readonly [Side, Side],
  judge: (side: Side) => string | undefined,
): string | undefined {
  return judge(sides[0]) ?? judge(sides[1]);
}

function withSide(world: Buckets, at: Index, side: Side): Buckets {
  return { ...world, sides: replaced(world.sides, at, side) };
}

function replaced<T>(pair: readonly [T, T], at: Index, by: T): readonly [T, T] {
  return at === 0 ? [by, pair[1]] : [pair[0], by];
}
