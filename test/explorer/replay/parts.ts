import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { RepairStrategy } from "../../../src/verify/plan-repair.ts";
import { deleteOf, ifAbsent, setOf, withId } from "../../contract/commands.ts";
import type { CacheFirstWorld } from "../../support/cache-first-world.ts";
import type { CallOptions } from "../roles/opening.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { TraceStep } from "../trace.ts";
import type { Watcher } from "./watcher.ts";

/** A data TTL, which is over after one tick of a trace's clock. */
export const TTL_MS = 1000;

export type PartKind = "call" | "read" | "sweep" | "projector" | "verifier" | "repair";

/** What a role of the model does in the production code. */
export interface Part {
  readonly kind: PartKind;
  run(world: CacheFirstWorld): Promise<unknown>;
}

export interface PartOptions {
  readonly scenario: Scenario;
  readonly steps: readonly TraceStep[];
  readonly key: string;
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
  const known = (["read", "sweep", "projector", "verifier", "repair"] as const).find(
    (kind) => who === kind || who.startsWith(`${kind} `),
  );
  return known ?? "call";
}

async function play(
  kind: PartKind,
  who: string,
  world: CacheFirstWorld,
  options: PartOptions,
): Promise<void> {
  const { key, watcher, scenario } = options;
  const { signal } = new AbortController();
  switch (kind) {
    case "call":
      watcher.hasTold(
        (await world.writes.write(commandOf(who, options), routeOf(who, options))).version,
      );
      return;
    case "read": {
      const floor = watcher.told;
      watcher.hasAnswered(await world.reads.read(key), floor);
      return;
    }
    case "sweep":
      await world.sweep.run(signal);
      return;
    case "projector":
      await world.projector.drain(signal);
      return;
    case "verifier":
      watcher.hasClassified((await world.looker.inspect(key)).verdict.copyClass);
      return;
    case "repair": {
      const strategy: RepairStrategy = scenario.repairs?.[0]?.strategy ?? "auto";
      await world.repairer.repair(key, { strategy, dryRun: false });
      watcher.hasForeign = false;
    }
  }
}

function callOf(who: string, { scenario }: PartOptions): CallOptions {
  const call = scenario.calls.find(({ name }) => name === who);
  if (call === undefined) throw new RangeError(`Nobody in "${scenario.name}" is called "${who}".`);
  return call;
}

function commandOf(who: string, options: PartOptions) {
  const { text, expires, ifAbsent: mustBeAbsent, key: idempotencyKey } = callOf(who, options);
  const { key } = options;
  const plain =
    text === null ? deleteOf({ key }) : setOf({ key, value: text, ttlMs: expires ? TTL_MS : null });
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
