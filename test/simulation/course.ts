import type { Version } from "../../src/model/version.ts";
import { checkRegister, type RegisterOperation } from "../support/lockstep/linearizability.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { Client, type Site } from "./client.ts";
import type { MessageFaults } from "./faults.ts";
import { Ledger } from "./ledger.ts";
import { Machine } from "./machine.ts";
import { type Command, Network } from "./network.ts";
import type { SimulatedLockstep } from "./simulated-lockstep.ts";
import { StepLog } from "./step-log.ts";
import { Timeline } from "./timeline.ts";
import { type Alarm, EXPIRING } from "./watch.ts";

export interface SimulationResult {
  readonly seed: number;
  /** What should never have happened; the first of it ends the run. */
  readonly violation: string | undefined;
  readonly simulatedMs: number;
  readonly counts: Ledger["counts"];
  readonly history: Ledger["history"];
}

/** What every part of a simulation shares. */
export interface Shared {
  readonly timeline: Timeline;
  readonly log: StepLog;
  readonly ledger: Ledger;
  readonly network: Network;
  readonly sites: readonly Site[];
  /** A source of chance of its own, so that what one part draws does not move another's. */
  readonly fork: () => SeededRandom;
  readonly crash: (site: Site) => void;
  readonly violate: (what: string) => void;
}

/** The servers of a run: who looks at them, who disturbs them, and how a process is tied to them. */
export interface Surroundings {
  readonly watch: Alarm & {
    /** Whether a backlog is excused: something is wrong with a server, a machine or the network. */
    isTroubled: boolean;
    /** Whether nothing waits any more. */
    readonly isDrained: boolean;
    /** What still waits, in words. */
    backlog(): string;
    /** After each command that a server has carried out, and after whatever is done to a server. */
    look(): void;
    lookAtEnd(): void;
    /** What the store's rows say now. */
    rows(): ReadonlyMap<string, { readonly version: Version; readonly value: string | null }>;
  };
  readonly nemesis: {
    start(): void;
    stop(): void;
    afterCommand(command: Command): void;
  };
  openProcess(machine: Machine): Promise<SimulatedLockstep>;
  close(): void;
}

export interface CourseOptions {
  readonly seed: number;
  readonly random: SeededRandom;
  /** Where the steps are told; without it they are not put into words. */
  readonly lines: string[] | undefined;
  /** What kind of run it is, in words. */
  readonly headline: string;
  readonly messages: MessageFaults;
  /** As {@link NetworkParts.isStoreLocal}. */
  readonly isStoreLocal: boolean;
  /** Whether conditions and refusals prove something; where the cache may evict a write before the store has it they do not. */
  readonly provesConditions: boolean;
  /** Whether Redis may be rolled back, and with it what only its journal had. */
  readonly losesJournal: boolean;
  readonly surround: (shared: Shared) => Promise<Surroundings>;
  /** What of the history must be linearizable. */
  readonly judged: (history: readonly RegisterOperation[]) => readonly RegisterOperation[];
}

/** After this time everything heals, whatever the clients still wanted to do; milliseconds. */
const TROUBLE_MS = 120_000;

/** Within this time after everything has healed the journal and the outbox must have drained: the longest pause of a failed event, and its lease. */
const DRAIN_LIMIT_MS = 90_000;

/** What has landed late is told to the cache by then, milliseconds. */
const SETTLE_MS = 10_000;

/** Who had sent a question that was lost has given it up by then, and has looked for losses since; milliseconds. */
const SETTLE_LOSSES_MS = 30_000;

/** What the clients do, each, once everything has healed. */
const CALM_OPERATIONS = 6;

/**
 * One run: clients work while things go wrong, everything heals, what waits must drain, and then every process must see
 * the same. The same seed gives the same run, step by step.
 */
export class Course {
  readonly #options: CourseOptions;
  readonly #timeline = new Timeline();
  readonly #log: StepLog;
  readonly #ledger = new Ledger();
  readonly #network: Network;
  readonly #sites: readonly Site[];
  readonly #keys: readonly string[];
  #surroundings: Surroundings | undefined;
  #processes = 0;
  #clientsMade = 0;
  #working = 0;
  #isEnding = false;
  #violation: string | undefined;

  constructor(options: CourseOptions) {
    this.#options = options;
    const { random } = options;
    this.#log = new StepLog(this.#timeline, options.lines);
    const siteCount = 1 + random.integer(3);
    this.#sites = ["A", "B", "C"].slice(0, siteCount).map((name) => ({ name, process: undefined }));
    this.#keys = ["a", "b", "c"].slice(0, 1 + random.integer(3));
    this.#network = new Network({
      timeline: this.#timeline,
      log: this.#log,
      random: this.#fork(),
      isStoreLocal: options.isStoreLocal,
      onCommand: (command) => {
        this.#around.watch.look();
        this.#around.nemesis.afterCommand(command);
      },
      onCrash: (machine) => this.#replace(machine),
    });
    this.#log.add(() => `${options.headline}, ${siteCount} processes`);
  }

  async run(): Promise<SimulationResult> {
    this.#surroundings = await this.#options.surround({
      timeline: this.#timeline,
      log: this.#log,
      ledger: this.#ledger,
      network: this.#network,
      sites: this.#sites,
      fork: () => this.#fork(),
      crash: (site) => this.#crash(site),
      violate: (what) => this.#violate(what),
    });
    try {
      for (const site of this.#sites) await this.#open(site);
      if ((await this.#trouble()) && (await this.#calm())) this.#judge();
    } finally {
      this.#around.close();
    }
    const { counts, history } = this.#ledger;
    const simulatedMs = this.#timeline.nowMs;
    return { seed: this.#options.seed, violation: this.#violation, simulatedMs, counts, history };
  }

  /** Clients work while things go wrong. */
  async #trouble(): Promise<boolean> {
    const { random, messages } = this.#options;
    const clients = this.#clients(1 + random.integer(4));
    const operations = 5 + random.integer(40);
    this.#network.useFaults(messages);
    this.#around.nemesis.start();
    this.#work(clients, operations);
    await this.#timeline.run(() => this.#isBroken || this.#working === 0, TROUBLE_MS);
    return !this.#isBroken;
  }

  /**
   * Everything heals, and what waits reaches the shadow. From what the store then holds the clients go on, and must find
   * one register for each key, whatever was lost before.
   */
  async #calm(): Promise<boolean> {
    this.#around.nemesis.stop();
    for (const site of this.#sites) if (site.process === undefined) await this.#open(site);
    this.#isEnding = true;
    if (!(await this.#drain())) return false;
    this.#isEnding = false;
    this.#around.watch.isTroubled = false;
    const rows = this.#around.watch.rows();
    const initial = liveValues(rows);
    this.#ledger.drained(rows);
    const begunAt = this.#ledger.moment();
    this.#work(this.#clients(2), CALM_OPERATIONS);
    if (!(await this.#go(() => this.#working === 0, DRAIN_LIMIT_MS, "The clients did not end")))
      return false;
    if (!(await this.#drain())) return false;
    if (!(await this.#lastLook())) return false;
    const calm = this.#judged().filter(({ beganMs }) => beganMs > begunAt);
    this.#checkRegister(calm, initial);
    return !this.#isBroken;
  }

  async #drain(): Promise<boolean> {
    const isQuiet = () =>
      this.#working === 0 && this.#around.watch.isDrained && this.#network.underWay === 0;
    if (!(await this.#go(isQuiet, DRAIN_LIMIT_MS, "Not drained"))) return false;
    const settleMs = this.#options.losesJournal ? SETTLE_LOSSES_MS : SETTLE_MS;
    await this.#timeline.run(() => this.#isBroken, settleMs);
    return this.#go(isQuiet, DRAIN_LIMIT_MS, "Not drained");
  }

  /** Every process sees the same, and verification is content. */
  async #lastLook(): Promise<boolean> {
    this.#around.watch.lookAtEnd();
    const [client] = this.#clients(1);
    const state = { looking: true };
    const look = async () => {
      for (const site of this.#sites) {
        await client?.readAll(site, this.#ledger.acknowledged.keys());
        await client?.verifyAll(site);
        await client?.askForLosses(site);
      }
      state.looking = false;
    };
    look().catch((error: unknown) => this.#violate(`The last look failed: ${describe(error)}`));
    return this.#go(() => !state.looking, DRAIN_LIMIT_MS, "The last look did not come to an end");
  }

  #judge(): void {
    for (const violation of this.#ledger.violations()) this.#violate(violation);
    // What Redis forgets no order of the calls can explain.
    if (!this.#options.losesJournal) this.#checkRegister(this.#judged(), new Map());
  }

  #judged(): readonly RegisterOperation[] {
    return this.#options.judged(this.#ledger.history);
  }

  #checkRegister(
    history: readonly RegisterOperation[],
    initial: ReadonlyMap<string, string>,
  ): void {
    for (const violation of checkRegister(history, { initial })) this.#violate(violation);
  }

  async #go(isOver: () => boolean, limitMs: number, complaint: string): Promise<boolean> {
    const ended = await this.#timeline.run(() => this.#isBroken || isOver(), limitMs);
    if (ended === "time is up")
      this.#violate(
        `${complaint} within ${limitMs / 1000} s: ${this.#around.watch.backlog()}; ` +
          `${this.#working} clients at work, ${this.#network.underWay} commands under way`,
      );
    return !this.#isBroken;
  }

  #work(clients: readonly Client[], operations: number): void {
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
  }

  #clients(count: number): readonly Client[] {
    return Array.from({ length: count }, () => {
      this.#clientsMade += 1;
      return new Client({
        name: `c${this.#clientsMade}`,
        sites: this.#sites,
        timeline: this.#timeline,
        random: this.#fork(),
        ledger: this.#ledger,
        watch: this.#around.watch,
        log: this.#log,
        keys: [...this.#keys, `${EXPIRING}d`],
        provesConditions: this.#options.provesConditions,
        losesJournal: this.#options.losesJournal,
        onViolation: (what) => this.#violate(what),
      });
    });
  }

  async #open(site: Site): Promise<void> {
    this.#processes += 1;
    const machine = new Machine(`${site.name}${this.#processes}`, this.#timeline);
    site.process = await this.#around.openProcess(machine);
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
    this.#timeline.after(this.#options.random.fraction() * 6_000, async () => {
      if (site.process === undefined) await this.#open(site);
    });
  }

  get #around(): Surroundings {
    if (this.#surroundings === undefined) throw new TypeError("The run has not begun.");
    return this.#surroundings;
  }

  get #isBroken(): boolean {
    return this.#violation !== undefined;
  }

  #violate(what: string): void {
    this.#violation ??= what;
    this.#log.add(() => `VIOLATION: ${what}`);
  }

  #fork(): SeededRandom {
    return this.#options.random.fork();
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** What stands in rows of keys without TTL. */
function liveValues(
  rows: ReadonlyMap<string, { readonly value: string | null }>,
): ReadonlyMap<string, string> {
  const live = new Map<string, string>();
  for (const [key, { value }] of rows)
    if (value !== null && !key.startsWith(EXPIRING)) live.set(key, value);
  return live;
}
