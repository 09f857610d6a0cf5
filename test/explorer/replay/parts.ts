import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { RepairStrategy } from "../../../src/verify/plan-repair.ts";
import { deleteOf, ifAbsent, setOf, withId } from "../../contract/commands.ts";
import type { CallOptions } from "../roles/opening.ts";
import { deletion } from "../scenarios/calls.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { TraceStep } from "../trace.ts";
import type { ReplayProcess } from "./process.ts";
import type { ProcessNumber } from "./servers.ts";
import type { Watcher } from "./watcher.ts";

export const KEY = "key";

/** A data TTL, which is over after one tick of a trace's clock. */
export const TTL_MS = 1000;

/** A tick of a trace in which rows are purged: the grace time of what is dead, and a little more. */
export const GRACE_MS = 24 * 3_600_000 + TTL_MS;

const KINDS = ["read", "sweep", "projector", "recovery", "verifier", "purge", "repair"] as const;

export type PartKind = "call" | (typeof KINDS)[number];

/** What a role of the model does in the production code. */
export interface Part {
  readonly kind: PartKind;
  run(world: ReplayProcess): Promise<unknown>;
}

export interface PartOptions {
  readonly scenario: Scenario;
  readonly steps: readonly TraceStep[];
  readonly watcher: Watcher;
}

export function partOf(who: string, options: PartOptions): Part {
  const kind = kindOf(who);
  return {
    kind,
    run: async (world) => {
      try {
        await play(kind, who, world, options);
      } catch (error) {
        // What a caller is told of is no defect; anything else is.
        const code = LockstepError.codeOf(error);
        if (code === undefined || code === "INTERNAL") options.watcher.complain(String(error));
      }
    },
  };
}

export function kindOf(who: string): PartKind {
  return KINDS.find((kind) => who === kind || who.startsWith(`${kind} `)) ?? "call";
}

/** Of several of a kind, every second one is in the other process. */
export function processOf(who: string, { calls, repairs = [] }: Scenario): ProcessNumber {
  const own = [...calls, deletion, ...repairs].find(({ name }) => name === who);
  const process = own?.process ?? Number(/ (\d+)$/.exec(who)?.[1] ?? 1) % 2;
  return process === 0 ? 0 : 1;
}

async function play(
  kind: PartKind,
  who: string,
  world: ReplayProcess,
  options: PartOptions,
): Promise<void> {
  const { watcher, scenario } = options;
  const { signal } = new AbortController();
  switch (kind) {
    case "call":
      await watcher.hasTold(
        await world.writes.write(commandOf(who, options), routeOf(who, options)),
      );
      return;
    case "read": {
      const floor = watcher.promise();
      watcher.hasAnswered(await world.reads.read(KEY), floor);
      return;
    }
    case "sweep":
      await world.sweep.run(signal);
      return;
    case "projector":
      await world.projector.drain(signal);
      return;
    case "recovery":
      await world.recovery.recoverAll();
      return;
    case "purge":
      await world.purger.run(signal);
      return;
    case "verifier":
      watcher.hasClassified((await world.looker.inspect(KEY)).verdict.copyClass);
      return;
    case "repair": {
      const strategy: RepairStrategy = scenario.repairs?.[0]?.strategy ?? "auto";
      await world.repairer.repair(KEY, { strategy, dryRun: false });
      watcher.hasForeign = false;
    }
  }
}

function callOf(who: string, { scenario }: PartOptions): CallOptions {
  const call = [...scenario.calls, deletion].find(({ name }) => name === who);
  if (call === undefined) throw new RangeError(`Nobody in "${scenario.name}" is called "${who}".`);
  return call;
}

function commandOf(who: string, options: PartOptions) {
  const { text, expires, ifAbsent: mustBeAbsent, key: idempotencyKey } = callOf(who, options);
  const plain =
    text === null
      ? deleteOf({ key: KEY })
      : setOf({ key: KEY, value: text, ttlMs: expires ? TTL_MS : null });
  const conditional = mustBeAbsent === true ? ifAbsent(plain) : plain;
  return idempotencyKey === undefined ? conditional : withId(idempotencyKey, conditional);
}

/** The way that the call takes in this trace, where the model leaves it both. */
function routeOf(who: string, options: PartOptions): "direct" | "event" {
  const { routes = ["direct"] } = callOf(who, options) as { readonly routes?: readonly string[] };
  const goesDirect = options.steps.some(
    (step) => step.who === who && step.does.startsWith("upsert"),
  );
  return routes.length > 1 ? (goesDirect ? "direct" : "event") : (routes[0] as "direct" | "event");
}
