import type { Entry } from "../../../src/model/entry.ts";
import { STATEMENT_LIFE_MS } from "../../../src/store/statement-life.ts";
import type { TraceStep } from "../trace.ts";
import { Actor, settled, type WaitingCall } from "./actor.ts";
import { GRACE_MS, KEY, kindOf, type PartOptions, partOf, processOf, TTL_MS } from "./parts.ts";
import { delayOf, portCallsOf, TELL, unmodelledOf } from "./port-calls.ts";
import type { ReplayProcess } from "./process.ts";
import type { Sabotage } from "./replay.ts";
import type { ReplayServers } from "./servers.ts";

/** Past the TTL of a value, and shorter than a fill lease, which a tick does not end. */
const TICK_MS = TTL_MS + 1;

/** Longer than any limit of a call or a repair, and than the pause before what is owed is told again. */
const LIMITS_MS = 10_000;

/** More than anyone here ever asks. */
const CALLS_MAX = 100;

/** Everyone who takes part in a trace, each role in a process of its own, and the servers that they meet at. */
export class Stage {
  readonly #options: PartOptions;
  readonly #servers: ReplayServers;
  readonly #sabotage: Sabotage;
  readonly #actors = new Map<string, Actor>();
  /** A purge remembers what it has seen, so it goes on in the process that it began in. */
  readonly #purging = new Map<string, ReplayProcess>();

  constructor(options: PartOptions, servers: ReplayServers, sabotage: Sabotage) {
    this.#options = options;
    this.#servers = servers;
    this.#sabotage = sabotage;
  }

  /** Purges have been going on every few minutes, with nothing to do. */
  async lookBeforePurges(): Promise<void> {
    const names = this.#options.steps
      .map(({ who }) => who)
      .filter((who) => kindOf(who) === "purge");
    for (const who of new Set([...names, "purge"])) {
      const process = await this.#open(who);
      this.#purging.set(who, process);
      await process.purger.run(new AbortController().signal);
    }
    await this.pass(STATEMENT_LIFE_MS);
  }

  /** Time passes for all. */
  async pass(ms: number): Promise<void> {
    await this.#servers.advance(ms);
    const own = [...this.#actors.values()].map(({ world }) => world);
    for (const { clock } of new Set([...own, ...this.#purging.values()])) await clock.advance(ms);
    await settled();
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
    this.#servers.findPrimary(0);
    this.#servers.findPrimary(1);
    await this.#finishAll();
    await this.#work("recovery");
    await this.#finishAll();
    // Events that were given back rest for a while.
    await this.pass(LIMITS_MS);
    for (const worker of ["projector", "sweep", "recovery"]) await this.#work(worker);
    if (this.#purging.size > 0) {
      await this.pass(STATEMENT_LIFE_MS);
      for (const who of this.#purging.keys()) await this.#work(who);
    }
    await this.#options.watcher.lookAtRest();
  }

  async #finishAll(): Promise<void> {
    for (let rounds = 0; rounds < CALLS_MAX; rounds += 1) {
      if (!(await this.#goOn([...this.#actors.values()]))) break;
    }
  }

  async #work(who: string): Promise<void> {
    const actor = await this.#enter(who);
    for (let rounds = 0; rounds < CALLS_MAX && !actor.isOver; rounds += 1)
      await this.#goOn([actor]);
  }

  /** Lets all that wait go on; false once nobody has anything left to do. */
  async #goOn(actors: readonly Actor[]): Promise<boolean> {
    const calls = actors.flatMap((actor) => [
      ...actor.takeAllLate(TELL),
      ...actor.waiting.splice(0),
    ]);
    for (const call of calls) await call.letThrough();
    this.#servers.letGoOn();
    await settled();
    // Who waits for a recovery would only give up.
    const busy = this.#servers.isLost ? [] : actors.filter(({ waiting }) => waiting.length === 0);
    for (const { world } of busy) await world.clock.advance(LIMITS_MS);
    await settled();
    const isBusy = ({ isOver, waiting }: Actor) => waiting.length > 0 || !isOver;
    return calls.length > 0 || (!this.#servers.isLost && actors.some(isBusy));
  }

  async #happens(what: string): Promise<boolean> {
    const servers = this.#servers;
    const { redis } = servers;
    const { scenario, watcher } = this.#options;
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
        await this.pass(scenario.purgers === undefined ? TICK_MS : GRACE_MS);
        return true;
      case "save":
        servers.save();
        return true;
      case "roll back":
        servers.rollBack();
        break;
      case "flush":
        servers.flush();
        break;
      case "fail over":
        servers.failOver();
        break;
      case "p0 finds the primary":
        return servers.findPrimary(0);
      case "p1 finds the primary":
        return servers.findPrimary(1);
      default:
        throw new RangeError(`Here the environment cannot "${what}".`);
    }
    await watcher.hasRolledBack();
    return true;
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
    const landing = /^late (?<statement>upsert|append) of (?<text>.*) lands$/.exec(what)?.groups;
    const debt = /^p(?<process>\d) (?<deed>dies owing|tells the cache)/.exec(what)?.groups;
    for (const [who, actor] of this.#actors) {
      const isElsewhere =
        debt !== undefined && processOf(who, this.#options.scenario) !== Number(debt["process"]);
      if (isElsewhere) continue;
      const call =
        landing === undefined
          ? await this.#debtOf(actor, who)
          : actor.takeLate((waiting) => isLanding(waiting, landing as unknown as Landing));
      if (call === undefined) continue;
      if (debt?.["deed"] === "dies owing") this.#actors.delete(who);
      else await call.letThrough();
      return true;
    }
    return false;
  }

  /** The word that a call owes to the cache after it has ended; it may look where it is to be said, and pause before it tries again. */
  async #debtOf(actor: Actor, who: string): Promise<WaitingCall | undefined> {
    const isWord = ({ method }: WaitingCall) => TELL.includes(method);
    for (let rounds = 0; rounds < 3; rounds += 1) {
      const call = actor.takeLate(isWord);
      if (call !== undefined || kindOf(who) !== "call") return call;
      const look = actor.takeLate(({ method }) => method === "bucketStates.read");
      if (look === undefined) await actor.world.clock.advance(LIMITS_MS);
      else await look.letThrough();
      await settled();
    }
    return undefined;
  }

  async #acts(who: string, does: string): Promise<boolean> {
    const { watcher } = this.#options;
    const kind = kindOf(who);
    if (does === "crash") return this.#actors.delete(who);
    const known = this.#actors.get(who);
    // A call that has ended may still have something under way; the others begin anew.
    const goesOn = known !== undefined && (!known.isOver || kind === "call");
    const actor = goesOn ? known : await this.#enter(who);
    if (does === "wait") {
      await actor.world.clock.advance(LIMITS_MS);
      return true;
    }
    const others = unmodelledOf(kind, does);
    const delay = delayOf(does);
    if (delay !== undefined) return actor.delay(delay.methods, others, delay.ms);
    const methods = portCallsOf(kind, does);
    if (methods === undefined) return false;
    const before = await watcher.copies();
    const call = await actor.letThrough(methods, others);
    if (call?.method === "cache.write") await watcher.hasWritten(call.args, before.cached);
    if (does === "append twice" && call !== undefined) {
      await actor.world.past.outbox.append(call.args[0] as readonly Entry[]);
    }
    return call !== undefined;
  }

  /** A process begins its part. */
  async #enter(who: string): Promise<Actor> {
    const process = this.#purging.get(who) ?? (await this.#open(who));
    const part = partOf(who, this.#options);
    const actor = new Actor(process, (of) => part.run(of));
    this.#actors.set(who, actor);
    await settled();
    return actor;
  }

  async #open(who: string): Promise<ReplayProcess> {
    const process = await this.#servers.openProcess(processOf(who, this.#options.scenario));
    await process.clock.advance(this.#servers.elapsedMs);
    // In the models a sweep takes what waits however young it is.
    process.steered.cache.on("pendingOlderThan", () =>
      process.past.cache.pendingOlderThan({ ageMs: 0, limit: 10 }),
    );
    this.#sabotage(process);
    return process;
  }
}

interface Landing {
  readonly statement: string;
  readonly text: string;
}

function isLanding({ method, args }: WaitingCall, { statement, text }: Landing): boolean {
  if (method !== (statement === "upsert" ? "store.applyNewer" : "outbox.append")) return false;
  const [entries] = args as [readonly { readonly value: string | null }[]];
  return entries.some(({ value }) => (value ?? "delete") === text);
}
