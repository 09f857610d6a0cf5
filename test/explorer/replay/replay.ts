import type { Entry } from "../../../src/model/entry.ts";
import { setOf } from "../../contract/commands.ts";
import { type CacheFirstWorld, openCacheFirstWorld } from "../../support/cache-first-world.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { TraceStep } from "../trace.ts";
import { Actor, settled, type WaitingCall } from "./actor.ts";
import { kindOf, type PartOptions, partOf, TTL_MS } from "./parts.ts";
import { delayOf, portCallsOf, TELL, unmodelledOf } from "./port-calls.ts";
import { Watcher } from "./watcher.ts";

const KEY = "key";

/** Past the TTL of a value, and shorter than a fill lease, which a tick does not end. */
const TICK_MS = TTL_MS + 1;

/** Longer than any limit of a call or a repair. */
const LIMITS_MS = 10_000;

/** More than anyone here ever asks. */
const CALLS_MAX = 100;

/** Weakens one process of the production code, or the servers, so that a replay can be seen to fail. */
export type Sabotage = (world: CacheFirstWorld) => void;

export interface Replayed {
  readonly problems: readonly string[];
  /** The steps that the production code did not take. */
  readonly refused: readonly TraceStep[];
}

/**
 * Takes the production services through the steps of a trace, each role in a process of its own on one simulated Redis
 * and one real SQLite database, and then lets all of them finish. Steps that the production code does not take, because
 * it has the mechanism without which the trace was found, are passed over.
 */
export async function replay(
  steps: readonly TraceStep[],
  scenario: Scenario,
  sabotage: Sabotage = () => undefined,
): Promise<Replayed> {
  const maxmemoryPolicy = scenario.mode === "unpinned" ? "allkeys-lru" : "volatile-lru";
  const servers = await openCacheFirstWorld({ maxmemoryPolicy });
  const watcher = new Watcher(servers, KEY);
  const stage = new Stage({ scenario, steps, key: KEY, watcher }, servers, sabotage);
  await stage.begin();
  sabotage(servers);
  const refused: TraceStep[] = [];
  for (const step of steps) {
    if (!(await stage.take(step))) refused.push(step);
    await settled();
    await watcher.look();
  }
  await stage.finish();
  return { problems: watcher.problems, refused };
}

class Stage {
  readonly #options: PartOptions;
  readonly #servers: CacheFirstWorld;
  readonly #sabotage: Sabotage;
  readonly #actors = new Map<string, Actor>();

  constructor(options: PartOptions, servers: CacheFirstWorld, sabotage: Sabotage) {
    this.#options = options;
    this.#servers = servers;
    this.#sabotage = sabotage;
  }

  async begin(): Promise<void> {
    const { start = "blank" } = this.#options.scenario;
    if (start === "blank") return;
    const { past, redis } = this.#servers;
    const written = await past.cache.write(setOf({ key: KEY, value: "z" }));
    if (written.outcome !== "written") throw new Error("The first write was refused.");
    await past.store.applyNewer([written.entry], "ASYNC_THREAD");
    const { version } = written.entry;
    if (past.cache.policy?.pinned === true) await past.cache.acknowledge([{ key: KEY, version }]);
    else await past.cache.settle(KEY, version);
    this.#options.watcher.hasTold(version);
    if (start !== "cold") return;
    redis.del(KEY);
    redis.metas.delete(KEY);
  }

  /** Whether the production code took the step. */
  take({ who, does }: TraceStep): Promise<boolean> | boolean {
    switch (who) {
      case "environment":
        return this.#happens(does);
      case "stranger":
        return this.#intrudes(does);
      case "network":
        return this.#arrives(does);
      default:
        return this.#acts(who, does);
    }
  }

  /** Everyone who lives finishes, what is owed to the cache is said, what is late never lands, and the workers go on until they find nothing more to do. */
  async finish(): Promise<void> {
    for (let rounds = 0; rounds < CALLS_MAX; rounds += 1) {
      if (!(await this.#goOn([...this.#actors.values()]))) break;
    }
    for (const worker of ["projector", "sweep"]) {
      const actor = await this.#enter(worker);
      for (let rounds = 0; rounds < CALLS_MAX && !actor.isOver; rounds += 1)
        await this.#goOn([actor]);
    }
    await this.#options.watcher.lookAtRest();
  }

  /** Lets all that wait go on; false once nobody has anything left to do. */
  async #goOn(actors: readonly Actor[]): Promise<boolean> {
    const calls = actors.flatMap((actor) => [
      ...actor.takeAllLate(TELL),
      ...actor.waiting.splice(0),
    ]);
    for (const call of calls) await call.letThrough();
    await settled();
    const busy = actors.filter(({ isOver, waiting }) => !isOver && waiting.length === 0);
    for (const { world } of busy) await world.clock.advance(LIMITS_MS);
    await settled();
    return calls.length > 0 || actors.some(({ isOver }) => !isOver);
  }

  async #happens(what: string): Promise<boolean> {
    const { redis, clock } = this.#servers;
    switch (what) {
      case "evict value":
      case "evict meta": {
        const before = redis.evictedKeys;
        redis.evict(KEY, what === "evict value" ? "value" : "meta");
        return redis.evictedKeys > before;
      }
      case "lease runs out":
        return redis.leases.delete(KEY);
      case "tick":
        await clock.advance(TICK_MS);
        return true;
      default:
        throw new RangeError(`Here the environment cannot "${what}".`);
    }
  }

  #intrudes(how: string): boolean {
    const { redis } = this.#servers;
    this.#options.watcher.hasForeign = true;
    if (how === "SET") redis.set(KEY, "foreign");
    else redis.del(KEY);
    return true;
  }

  /** What was late lands; or a process that owes the cache a word tells it, or dies. */
  async #arrives(what: string): Promise<boolean> {
    const landing = /^late (?<statement>upsert|append) of (?<text>.*) lands$/.exec(what);
    const isMeant = (call: WaitingCall) =>
      landing === null
        ? TELL.includes(call.method)
        : isLanding(call, landing.groups as { statement: string; text: string });
    for (const [who, actor] of this.#actors) {
      const call = actor.takeLate(isMeant);
      if (call === undefined) continue;
      if (what.includes("dies owing")) this.#actors.delete(who);
      else await call.letThrough();
      return true;
    }
    return false;
  }

  async #acts(who: string, does: string): Promise<boolean> {
    if (does === "crash") return this.#actors.delete(who);
    const known = this.#actors.get(who);
    // A call that has ended has ended; the others begin anew.
    if (known?.isOver === true && kindOf(who) === "call") return false;
    const actor = known === undefined || known.isOver ? await this.#enter(who) : known;
    if (does === "wait") {
      await actor.world.clock.advance(LIMITS_MS);
      return true;
    }
    const others = unmodelledOf(kindOf(who));
    const delay = delayOf(does);
    if (delay !== undefined) return actor.delay(delay.methods, others, delay.ms);
    const methods = portCallsOf(does);
    if (methods === undefined) return false;
    const before = await this.#options.watcher.copies();
    const call = await actor.letThrough(methods, others);
    if (call?.method === "cache.write")
      await this.#options.watcher.hasWritten(call.args, before.cached);
    if (does === "append twice" && call !== undefined) {
      await this.#servers.past.outbox.append(call.args[0] as readonly Entry[]);
    }
    return call !== undefined;
  }

  /** Another process begins its part. */
  async #enter(who: string): Promise<Actor> {
    const world = await openCacheFirstWorld({
      maxmemoryPolicy: this.#servers.redis.maxmemoryPolicy,
      on: this.#servers,
    });
    // In the models a sweep takes what waits however young it is.
    world.steered.cache.on("pendingOlderThan", () =>
      world.past.cache.pendingOlderThan({ ageMs: 0, limit: 10 }),
    );
    this.#sabotage(world);
    const part = partOf(who, this.#options);
    const actor = new Actor(world, (of) => part.run(of));
    this.#actors.set(who, actor);
    await settled();
    return actor;
  }
}

function isLanding(
  { method, args }: WaitingCall,
  { statement, text }: { readonly statement: string; readonly text: string },
): boolean {
  if (method !== (statement === "upsert" ? "store.applyNewer" : "outbox.append")) return false;
  const [entries] = args as [readonly { readonly value: string | null }[]];
  return entries.some(({ value }) => (value ?? "delete") === text);
}
