import type { CacheAuthorityPort } from "../../src/cache/cache-authority-port.ts";
import { FakeRedis } from "../support/fake-redis.ts";
import { FakeRedisCache } from "../support/fake-redis-cache.ts";
import { FakeStore, type FakeStoreOptions } from "../support/fake-store.ts";
import { openFakeStore } from "../support/fake-store-connection.ts";
import { checkRegister } from "../support/lockstep/linearizability.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { Client, type Site } from "./client.ts";
import { type FaultMix, mixFaults } from "./faults.ts";
import { Ledger, withoutEarlyReads } from "./ledger.ts";
import { Machine } from "./machine.ts";
import { Nemesis } from "./nemesis.ts";
import { Network } from "./network.ts";
import { SimClock } from "./sim-clock.ts";
import { SimulatedLockstep } from "./simulated-lockstep.ts";
import { StepLog } from "./step-log.ts";
import { Timeline } from "./timeline.ts";
import { EXPIRING, Watch } from "./watch.ts";

export interface SimulationOptions {
  /** Where the steps are told; without it they are not put into words. */
  readonly lines?: string[];
  /** Instead of the mix that the seed gives. */
  readonly faults?: FaultMix;
  readonly maxmemoryPolicy?: string;
  /** Whether the seed may also give changes of the eviction policy under running processes. */
  readonly flipsPolicy?: boolean;
  /** Defects to plant, so that a test can see them found. */
  readonly plant?: {
    readonly store?: new (options: FakeStoreOptions) => FakeStore;
    /** What it gives takes the place of the methods of a process' connection. */
    readonly redis?: (cache: CacheAuthorityPort, server: FakeRedis) => Partial<CacheAuthorityPort>;
  };
}

export interface SimulationResult {
  readonly seed: number;
  /** What should never have happened; the first of it ends the run. */
  readonly violation: string | undefined;
  readonly simulatedMs: number;
  readonly counts: Ledger["counts"];
  readonly history: Ledger["history"];
}

/** After this time everything heals, whatever the clients still wanted to do; milliseconds. */
const TROUBLE_MS = 120_000;

/** Within this time after everything has healed the journal and the outbox must have drained: the longest pause of a failed event, and its lease. */
const DRAIN_LIMIT_MS = 90_000;

/** One run: the same seed and options give the same run, step by step. */
export async function simulate(
  seed: number,
  options: SimulationOptions = {},
): Promise<SimulationResult> {
  const simulation = new Simulation(seed, options);
  const violation = await simulation.run();
  return { seed, violation, ...simulation.summary };
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #random: SeededRandom;
  readonly #timeline = new Timeline();
  readonly #log: StepLog;
  readonly #ledger = new Ledger();
  readonly #redisClock = new SimClock(this.#timeline);
  readonly #storeClock = new SimClock(this.#timeline);
  readonly #redis: FakeRedis;
  readonly #store: FakeStore;
  readonly #faults: FaultMix;
  readonly #isPinned: boolean;
  readonly #watch: Watch;
  readonly #network: Network;
  readonly #nemesis: Nemesis;
  readonly #sites: readonly Site[];
  readonly #keys: readonly string[];
  #processes = 0;
  #working = 0;
  #isEnding = false;
  #violation: string | undefined;

  constructor(seed: number, options: SimulationOptions) {
    this.#options = options;
    this.#random = new SeededRandom(seed);
    this.#log = new StepLog(this.#timeline, options.lines);
    const maxmemoryPolicy =
      options.maxmemoryPolicy ?? this.#random.pick(["noeviction", "volatile-lru", "allkeys-lru"]);
    const mixed = mixFaults(this.#random, options.flipsPolicy);
    this.#faults = options.faults ?? mixed;
    this.#isPinned =
      !maxmemoryPolicy.startsWith("allkeys-") && this.#faults.world.policyFlip === undefined;
    this.#redis = new FakeRedis({ clock: this.#redisClock, maxmemoryPolicy });
    const Store = options.plant?.store ?? FakeStore;
    this.#store = new Store({ clock: this.#storeClock, storeId: "the store" });
    this.#watch = new Watch({
      redis: this.#redis,
      store: this.#store,
      ledger: this.#ledger,
      isPinned: this.#isPinned,
      isRolledBack: this.#isRolledBack,
      onViolation: (what) => this.#violate(what),
    });
    const siteCount = 1 + this.#random.integer(3);
    this.#sites = ["A", "B", "C"].slice(0, siteCount).map((name) => ({ name, process: undefined }));
    this.#keys = ["a", "b", "c"].slice(0, 1 + this.#random.integer(3));
    const shared = { timeline: this.#timeline, log: this.#log };
    this.#network = new Network({
      ...shared,
      random: this.#fork(),
      onCommand: (command) => {
        this.#watch.look();
        this.#nemesis.afterCommand(command);
      },
      onCrash: (machine) => this.#replace(machine),
    });
    this.#nemesis = new Nemesis({
      ...shared,
      random: this.#fork(),
      faults: this.#faults.world,
      network: this.#network,
      redis: this.#redis,
      store: this.#store,
      serverClocks: [this.#redisClock, this.#storeClock],
      sites: this.#sites,
      crash: (site) => this.#crash(site),
      onChange: () => this.#watch.look(),
    });
    this.#log.add(
      () => `${maxmemoryPolicy}, ${siteCount} processes, ${JSON.stringify(this.#faults)}`,
    );
  }

  get summary(): Omit<SimulationResult, "seed" | "violation"> {
    const { counts, history } = this.#ledger;
    return { simulatedMs: this.#timeline.nowMs, counts, history };
  }

  async run(): Promise<string | undefined> {
    for (const site of this.#sites) await this.#open(site);
    const isQuiet = (await this.#trouble()) && (await this.#drain()) && (await this.#lastLook());
    if (isQuiet) this.#checkHistory();
    return this.#violation;
  }

  /** Clients work while things go wrong. */
  async #trouble(): Promise<boolean> {
    const clients = this.#clients(1 + this.#random.integer(4));
    const operations = 5 + this.#random.integer(40);
    this.#network.useFaults(this.#faults.messages);
    this.#nemesis.start();
    this.#working = clients.length;
    for (const client of clients) {
      client
        .run(operations, () => this.#isEnding)
        .then(
          () => {
            this.#working -= 1;
          },
          (error: unknown) => this.#violate(`A client failed: ${describe(error)}`),
        );
    }
    await this.#timeline.run(() => this.#isBroken || this.#working === 0, TROUBLE_MS);
    return !this.#isBroken;
  }

  /** Everything heals; what waits reaches the shadow. */
  async #drain(): Promise<boolean> {
    this.#nemesis.stop();
    for (const site of this.#sites) if (site.process === undefined) await this.#open(site);
    this.#isEnding = true;
    const isQuiet = () =>
      this.#working === 0 && this.#watch.isDrained && this.#network.underWay === 0;
    if (!(await this.#go(isQuiet, DRAIN_LIMIT_MS, "Not drained"))) return false;
    // What has landed late is still told to the cache.
    await this.#timeline.run(() => this.#isBroken, 10_000);
    return this.#go(isQuiet, DRAIN_LIMIT_MS, "Not drained");
  }

  /** Every process sees the same, and verification is content. */
  async #lastLook(): Promise<boolean> {
    this.#watch.isTroubled = false;
    this.#watch.lookAtEnd();
    const [client] = this.#clients(1);
    const state = { looking: true };
    const look = async () => {
      for (const site of this.#sites) {
        await client?.readAll(site, this.#ledger.acknowledged.keys());
        await client?.verifyAll(site);
      }
      state.looking = false;
    };
    look().catch((error: unknown) => this.#violate(`The last look failed: ${describe(error)}`));
    return this.#go(() => !state.looking, DRAIN_LIMIT_MS, "The last look did not come to an end");
  }

  /** What Redis forgets no order of the calls can explain. */
  #checkHistory(): void {
    if (this.#isRolledBack) return;
    const { history } = this.#ledger;
    const checked = this.#isPinned ? history : withoutEarlyReads(history);
    for (const violation of checkRegister(checked)) this.#violate(violation);
  }

  async #go(isOver: () => boolean, limitMs: number, complaint: string): Promise<boolean> {
    const ended = await this.#timeline.run(() => this.#isBroken || isOver(), limitMs);
    if (ended === "time is up")
      this.#violate(`${complaint} within ${limitMs / 1000} s: ${this.#watch.backlog()}`);
    return !this.#isBroken;
  }

  #clients(count: number): readonly Client[] {
    return Array.from({ length: count }, (_, at) => {
      return new Client({
        name: `c${at + 1}`,
        sites: this.#sites,
        timeline: this.#timeline,
        random: this.#fork(),
        ledger: this.#ledger,
        watch: this.#watch,
        log: this.#log,
        keys: [...this.#keys, `${EXPIRING}d`],
        isPinned: this.#isPinned,
        losesJournal: this.#isRolledBack,
        onViolation: (what) => this.#violate(what),
      });
    });
  }

  async #open(site: Site): Promise<void> {
    this.#processes += 1;
    const machine = new Machine(`${site.name}${this.#processes}`, this.#timeline);
    const random = this.#fork();
    const cache = new FakeRedisCache(this.#redis, { random });
    const redis = standIn(cache, this.#options.plant?.redis?.(cache, this.#redis) ?? {});
    const connection = openFakeStore(this.#store, machine.clock);
    const reach = <Port extends object>(port: Port) =>
      this.#network.connect(machine, "store", port);
    site.process = await SimulatedLockstep.compose({
      machine,
      random,
      redis: this.#network.connect(machine, "redis", redis),
      store: {
        store: reach(connection.store),
        outbox: reach(connection.outbox),
        settings: reach(connection.settings),
        bucketStates: reach(connection.bucketStates),
        purge: reach(connection.purge),
        records: reach(connection.records),
      },
      log: this.#log,
      onDefect: (what) => {
        // Where Redis was rolled back, this is the report that is owed.
        const isReport = what.includes("has lost writes that were acknowledged");
        if (!isReport || !this.#isRolledBack) this.#violate(what);
      },
    });
    this.#log.add(() => `— ${machine.name} starts`);
    site.process.start();
  }

  #crash(site: Site): void {
    const { process } = site;
    if (process === undefined) return;
    this.#log.add(() => `— ${process.machine.name} crashes`);
    process.machine.crash();
    this.#replace(process.machine);
  }

  /** Sooner or later another process takes the place of one that has crashed. */
  #replace(machine: Machine): void {
    const site = this.#sites.find(({ process }) => process?.machine === machine);
    if (site === undefined) return;
    site.process = undefined;
    this.#timeline.after(this.#random.fraction() * 6_000, async () => {
      if (site.process === undefined) await this.#open(site);
    });
  }

  get #isRolledBack(): boolean {
    return this.#faults.world.rollback !== undefined;
  }

  get #isBroken(): boolean {
    return this.#violation !== undefined;
  }

  #violate(what: string): void {
    this.#violation ??= what;
    this.#log.add(() => `VIOLATION: ${what}`);
  }

  /** A source of chance of its own, so that what one part draws does not move another's. */
  #fork(): SeededRandom {
    return new SeededRandom(this.#random.integer(2 ** 32));
  }
}

function standIn(cache: CacheAuthorityPort, planted: Partial<CacheAuthorityPort>) {
  return new Proxy(cache, {
    get(target, property) {
      if (property in planted) return Reflect.get(planted, property) as unknown;
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
