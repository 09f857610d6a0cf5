import type { Acknowledgement } from "../../src/cache/cache-authority-port.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import type { FakeRedis, FakeSnapshot } from "../support/fake-redis.ts";
import type { FakeStore } from "../support/fake-store.ts";
import type { WorldFaults } from "./faults.ts";
import type { Command, Network } from "./network.ts";
import type { SimClock } from "./sim-clock.ts";
import { Trouble, type TroubleParts } from "./trouble.ts";

export interface NemesisParts extends TroubleParts {
  readonly faults: WorldFaults;
  readonly network: Network;
  readonly redis: FakeRedis;
  readonly store: FakeStore;
  readonly serverClocks: readonly SimClock[];
}

function lossOf(isTotal: boolean, last: FakeSnapshot | undefined): string {
  if (isTotal) return "all";
  return last === undefined ? "nothing" : "its last writes";
}

function keysOf(acknowledgements: unknown): readonly string[] {
  return (acknowledgements as readonly Acknowledgement[]).map(({ key }) => key);
}

/** Its place among the clocks of the servers. */
const STORE_CLOCK = 1;

/** The share of fills after which Redis saves. */
const FILLS_SAVED = 0.2;

const POLICIES = ["noeviction", "volatile-lru", "allkeys-lru"];

/** Does to servers, machines and clocks what the mix of faults has for them, until it is told to stop. */
export class Nemesis {
  readonly #parts: NemesisParts;
  /** What a disk or a replica may have of Redis, the newest last. */
  readonly #snapshots: FakeSnapshot[] = [];
  readonly #trouble: Trouble;

  constructor(parts: NemesisParts) {
    this.#parts = parts;
    this.#trouble = new Trouble(parts);
  }

  start(): void {
    const { faults, redis, store } = this.#parts;
    this.#trouble.often(faults.crash, () => this.#trouble.crash());
    this.#trouble.often(faults.pause, () => this.#trouble.pause());
    this.#trouble.often(faults.storeDown, () => this.#takeDown("the store", store));
    this.#trouble.often(faults.redisDown, () => this.#takeDown("Redis", redis));
    this.#trouble.often(faults.partition, () => this.#partition());
    this.#trouble.often(faults.eviction, () => this.#evict());
    this.#trouble.often(faults.policyFlip, () => this.#flipPolicy());
    if (faults.rollback !== undefined) this.#trouble.often(300, () => this.#takeSnapshot());
    this.#trouble.often(faults.rollback, () => this.#rollBack());
    this.#trouble.often(faults.clockStep, () => this.#stepClock());
  }

  /** Everything runs and answers again. */
  stop(): void {
    const { redis, store, network } = this.#parts;
    this.#trouble.end();
    redis.isUp = true;
    store.isUp = true;
    network.heal();
    this.#trouble.note("everything heals");
  }

  #takeDown(name: string, server: { isUp: boolean }): void {
    const { timeline, random } = this.#parts;
    if (!server.isUp) return;
    const forMs = random.fraction() ** 2 * 15_000;
    server.isUp = false;
    this.#trouble.note(`${name} is down for ${Math.round(forMs)} ms`);
    timeline.after(forMs, () => {
      server.isUp = true;
      this.#trouble.note(`${name} is back`);
    });
  }

  #partition(): void {
    const { timeline, random, network, sites } = this.#parts;
    const forMs = random.fraction() ** 2 * 20_000;
    const server = random.pick(["redis", "store"] as const);
    const machine = random.pick([undefined, random.pick(sites).process?.machine.name]);
    const holds = random.fraction() < 0.5;
    network.partition({ server, machine, untilMs: timeline.nowMs + forMs, holds });
    const how = holds ? "holds back" : "loses";
    this.#trouble.note(
      `the network ${how} what is between ${machine ?? "all"} and ${server} for ${Math.round(forMs)} ms`,
    );
  }

  /**
   * After a command that a server has carried out. What has just become clean, or unpinned was just written, may be evicted
   * first; and a reader's fill, which may be older than a write on its way, may be the last that a disk has.
   */
  afterCommand({ method, args }: Command): void {
    if (this.#trouble.isOver) return;
    this.#evictAtOnce(this.#evictableAfter(method, args));
    const { faults, random } = this.#parts;
    if (method === "fill" && faults.rollback !== undefined && random.fraction() < FILLS_SAVED)
      this.#takeSnapshot();
  }

  #evictableAfter(method: string, args: readonly unknown[]): readonly string[] {
    if (method === "settle") return [args[0] as string];
    if (method === "acknowledge") return keysOf(args[0]);
    const isUnpinned = this.#parts.redis.maxmemoryPolicy.startsWith("allkeys-");
    return method === "write" && isUnpinned ? [(args[0] as WriteCommand).key] : [];
  }

  #evictAtOnce(keys: readonly string[]): void {
    const { faults, random, timeline, onChange } = this.#parts;
    if (keys.length === 0 || random.fraction() >= faults.evictionAtOnce) return;
    timeline.after(random.fraction() * 2, () => {
      for (const key of keys) this.#evictCopy(key);
      onChange();
    });
  }

  #evict(): void {
    const { redis, random } = this.#parts;
    const keys = [...new Set([...redis.values.keys(), ...redis.metas.keys()])];
    if (keys.length === 0) return;
    if (redis.maxmemoryPolicy.startsWith("allkeys-") && random.fraction() < 0.05)
      this.#evictState(bucketOf(random.pick(keys)));
    else this.#evictCopy(random.pick(keys));
  }

  #evictState(bucket: number): void {
    this.#parts.redis.states.delete(bucket);
    this.#trouble.note(`Redis evicts the state of bucket ${bucket}`);
  }

  /** What is marked as unsynced is spared: a policy that was made unsafe under it can lose it, and nobody could prevent that. */
  #evictCopy(key: string): void {
    const { redis, random } = this.#parts;
    if (redis.markers.has(key)) return;
    const what = random.pick(["value", "meta", "both"] as const);
    const before = redis.evictedKeys;
    if (what !== "meta") redis.evict(key, "value");
    if (what !== "value") redis.evict(key, "meta");
    if (redis.evictedKeys > before) this.#trouble.note(`Redis evicts ${key} (${what})`);
  }

  #flipPolicy(): void {
    const { redis, random } = this.#parts;
    redis.maxmemoryPolicy = random.pick(POLICIES);
    this.#trouble.note(`the eviction policy becomes ${redis.maxmemoryPolicy}`);
  }

  #takeSnapshot(): void {
    this.#snapshots.push(this.#parts.redis.snapshot());
    if (this.#snapshots.length > 6) this.#snapshots.shift();
  }

  /** Only what the store does not take can be lost, so every other time the store is away before Redis is. */
  #rollBack(): void {
    const { timeline, random, store, onChange } = this.#parts;
    if (random.fraction() < 0.5) {
      this.#restart();
      return;
    }
    this.#takeDown("the store", store);
    timeline.after(300 + random.fraction() * 3_000, () => {
      if (this.#trouble.isOver) return;
      this.#restart();
      onChange();
    });
  }

  #restart(): void {
    const { redis, random } = this.#parts;
    const isTotal = random.fraction() < 0.1;
    if (isTotal) redis.flush();
    const last = this.#snapshots.splice(random.integer(this.#snapshots.length + 1)).at(0);
    redis.restart(isTotal ? undefined : last);
    this.#trouble.note(`Redis is restarted and has lost ${lossOf(isTotal, last)}`);
  }

  #stepClock(): void {
    const { random, serverClocks, sites } = this.#parts;
    const clocks = [
      ...serverClocks,
      ...sites.flatMap(({ process }) => process?.machine.clock ?? []),
    ];
    const at = random.integer(clocks.length);
    const size = random.pick([10, 1_000, 30_000, 3_600_000]);
    const anyMs = Math.round((random.fraction() * 2 - 1) * size);
    // A lease lasts as much longer as the store's clock goes back.
    const byMs = at === STORE_CLOCK ? Math.max(anyMs, -10_000) : anyMs;
    clocks[at]?.step(byMs);
    const whose = ["Redis", "the store"][at] ?? sites[at - serverClocks.length]?.name;
    this.#trouble.note(`the wall clock of ${whose} moves by ${byMs} ms`);
  }
}
