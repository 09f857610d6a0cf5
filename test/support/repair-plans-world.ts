import { PlanApplier } from "../../src/verify/plan-applier.ts";
import { PlanJournal } from "../../src/verify/plan-journal.ts";
import { PlanUndoer } from "../../src/verify/plan-undoer.ts";
import type { PlanWorkOptions } from "../../src/verify/plan-work.ts";
import { RepairPlanner } from "../../src/verify/repair-planner.ts";
import {
  type CacheFirstOptions,
  type CacheFirstWorld,
  openCacheFirstWorld,
} from "./cache-first-world.ts";
import { runThrough } from "./run-through.ts";
import { ScriptedWriter } from "./scripted-writer.ts";
import { steer } from "./steer.ts";
import { verifierIn } from "./verifier-in.ts";

export const UNDO_RETENTION_MS = 24 * 3_600_000;

export type RepairPlansWorld = Awaited<ReturnType<typeof openRepairPlansWorld>>;

/** A process whose cache decides, with what plans, applies and undoes repairs. `on` is another process on the same servers. */
export async function openRepairPlansWorld({
  on,
  undoKeysMax = 10_000,
  maxmemoryPolicy,
}: {
  readonly on?: Pick<CacheFirstWorld, "redis" | "sqlite" | "clock">;
  readonly undoKeysMax?: number;
  readonly maxmemoryPolicy?: string;
} = {}) {
  const options: CacheFirstOptions = {
    ...(on === undefined ? {} : { on }),
    ...(maxmemoryPolicy === undefined ? {} : { maxmemoryPolicy }),
  };
  const world = await openCacheFirstWorld(options);
  const { looker, random, calls } = world;
  // The servers keep the time of the first process.
  const clock = on?.clock ?? world.clock;
  const kept = world.sqlite.records;
  const steeredRecords = steer("records", kept, calls);
  const journal = new PlanJournal(steeredRecords.port, undoKeysMax);
  const verifier = verifierIn({ ...world, clock });
  const shared = { looker, journal, clock, undoRetentionMs: UNDO_RETENTION_MS };
  const { steps } = world;
  const applier = new PlanApplier({ ...shared, steps });
  const undoer = new PlanUndoer({ ...shared, steps });
  return {
    ...world,
    clock,
    kept,
    steeredRecords,
    planner: new RepairPlanner({ ...shared, verifier, random }),
    applier,
    undoer,
    /** With the time that its writes need to find company. */
    apply: (planId: string, options?: PlanWorkOptions) =>
      runThrough(clock, applier.apply(planId, options)),
    undo: (planId: string) => runThrough(clock, undoer.undo(planId)),
    write: async (key: string, value = "ours") => {
      const writer = new ScriptedWriter(world, key);
      await writer.run(writer.direct(value));
    },
    read: async (key: string) => {
      const answer = await world.reads.read(key);
      return answer.found ? answer.value : null;
    },
  };
}
