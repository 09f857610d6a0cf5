import type { CopyCachePort } from "../../../src/cache/copy-cache-port.ts";
import type { WorldFaults } from "../faults.ts";
import type { Machine } from "../machine.ts";
import type { Network } from "../network.ts";
import type { SimClock } from "../sim-clock.ts";
import { Trouble, type TroubleParts } from "../trouble.ts";
import type { SharedStore } from "./shared-store.ts";

export interface StoreFirstNemesisParts extends TroubleParts {
  readonly faults: WorldFaults;
  readonly network: Network;
  readonly store: SharedStore;
  readonly kind: "sqlite" | "mongodb";
  readonly serverClock: SimClock;
  /** The copies in the process on that machine. */
  readonly copyOf: (machine: Machine) => CopyCachePort | undefined;
}

/** Keys that clients use, of which copies are evicted. */
const KEYS = ["a", "b", "c"];

/**
 * Does to processes, their copies, their clocks and their store what the mix of faults has for them: kills, pauses, evictions,
 * and a store that takes no writes (SQLite: another process stands still with the lock; MongoDB: it is down, or cut off).
 */
export class StoreFirstNemesis {
  readonly #parts: StoreFirstNemesisParts;
  readonly #trouble: Trouble;
  #isDown = false;
  #offByMs = 0;

  constructor(parts: StoreFirstNemesisParts) {
    this.#parts = parts;
    this.#trouble = new Trouble(parts);
  }

  /** Processes that share a file share a clock. */
  get wallClockIsOffByMs(): number {
    return this.#offByMs;
  }

  start(): void {
    const { faults, kind } = this.#parts;
    this.#trouble.often(faults.crash, () => this.#trouble.crash());
    this.#trouble.often(faults.pause, () => this.#trouble.pause());
    this.#trouble.often(faults.storeDown, () => this.#takeDown());
    this.#trouble.often(kind === "mongodb" ? faults.partition : undefined, () => this.#partition());
    this.#trouble.often(faults.eviction, () => this.#evict());
    this.#trouble.often(faults.clockStep, () => this.#stepClock());
  }

  /** Everything runs and answers again. */
  stop(): void {
    this.#trouble.end();
    this.#parts.store.bringBack();
    this.#parts.network.heal();
    this.#trouble.note("everything heals");
  }

  afterCommand(): void {
    // What is evicted here is evicted by time alone.
  }

  /** Often shorter than a write waits for the lock, sometimes far longer. */
  #takeDown(): void {
    const { timeline, random, store, kind } = this.#parts;
    if (this.#isDown) return;
    const forMs = random.fraction() ** 3 * 10_000;
    this.#isDown = true;
    store.takeDown();
    this.#trouble.note(
      `${kind === "sqlite" ? "another process holds the lock" : "the store is down"} for ${Math.round(forMs)} ms`,
    );
    timeline.after(forMs, () => {
      this.#isDown = false;
      store.bringBack();
      this.#trouble.note("the store takes writes again");
    });
  }

  #partition(): void {
    const { timeline, random, network, sites } = this.#parts;
    const forMs = random.fraction() ** 2 * 20_000;
    const machine = random.pick([undefined, random.pick(sites).process?.machine.name]);
    const holds = random.fraction() < 0.5;
    network.partition({ server: "store", machine, untilMs: timeline.nowMs + forMs, holds });
    this.#trouble.note(
      `the network ${holds ? "holds back" : "loses"} what is between ${machine ?? "all"} and the store for ${Math.round(forMs)} ms`,
    );
  }

  #evict(): void {
    const { random, sites, copyOf } = this.#parts;
    const { process } = random.pick(sites);
    if (process !== undefined) copyOf(process.machine)?.remove(random.pick(KEYS));
  }

  /** A lease lasts as much longer as the clock goes back. */
  #stepClock(): void {
    const { random, kind, serverClock, sites } = this.#parts;
    const size = random.pick([10, 1_000, 30_000, 3_600_000]);
    const byMs = Math.max(Math.round((random.fraction() * 2 - 1) * size), -10_000);
    const machines = sites.flatMap(({ process }) => process?.machine ?? []);
    if (kind === "sqlite") {
      this.#offByMs += byMs;
      for (const { clock } of machines) clock.step(byMs);
      this.#trouble.note(`the wall clock of the machine moves by ${byMs} ms`);
      return;
    }
    const clocks = [serverClock, ...machines.map(({ clock }) => clock)];
    const at = random.integer(clocks.length);
    clocks[at]?.step(byMs);
    const whose = at === 0 ? "the store" : machines[at - 1]?.name;
    this.#trouble.note(`the wall clock of ${whose} moves by ${byMs} ms`);
  }
}
