import { ALL_BUCKETS, bucketOf } from "../../../src/model/bucket.ts";
import { FIRST_EPOCH } from "../../../src/model/version.ts";
import { FakeRedis, type FakeSnapshot } from "../../support/fake-redis.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { type MemorySqlite, openMemorySqlite } from "../../support/memory-sqlite.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { openProcess, type ReplayProcess } from "./process.ts";

/** The server that counts, whoever asks. */
export const PRIMARY = "the primary";

/** 0 or 1; each talks to a server of its own choice. */
export type ProcessNumber = 0 | 1;

const BEHIND_MS = 60_000;

/**
 * One simulated Redis, or two after a failover, and one SQLite database, with a clock each. A Redis that starts again
 * has a clock that is behind all the others, so that nothing but epochs keeps its versions in order.
 */
export class ReplayServers {
  readonly sqlite: MemorySqlite;
  readonly #key: string;
  readonly #storeId: string;
  readonly #clocks: { readonly redis: ManualClock; readonly store: ManualClock };
  readonly #beganMs: number;
  readonly #links: Record<ProcessNumber | typeof PRIMARY, FakeRedis>;
  readonly #waiting: { readonly process: ProcessNumber; readonly goOn: () => void }[] = [];
  #saved: FakeSnapshot;

  private constructor(parts: {
    readonly key: string;
    readonly redis: FakeRedis;
    readonly sqlite: MemorySqlite;
    readonly storeId: string;
    readonly clocks: { readonly redis: ManualClock; readonly store: ManualClock };
  }) {
    const { redis, clocks } = parts;
    this.#key = parts.key;
    this.sqlite = parts.sqlite;
    this.#storeId = parts.storeId;
    this.#clocks = clocks;
    this.#beganMs = clocks.redis.nowMs();
    this.#links = { 0: redis, 1: redis, [PRIMARY]: redis };
    this.#saved = empty(redis).snapshot();
  }

  static async open(key: string, maxmemoryPolicy: string): Promise<ReplayServers> {
    const clocks = { redis: new ManualClock(), store: new ManualClock() };
    const redis = new FakeRedis({ clock: clocks.redis, maxmemoryPolicy });
    const sqlite = await openMemorySqlite({ clock: clocks.store, random: new SeededRandom(1) });
    const storeId = await sqlite.store.storeId();
    redis.tie(storeId);
    return new ReplayServers({ key, redis, sqlite, storeId, clocks });
  }

  get redis(): FakeRedis {
    return this.#links[PRIMARY];
  }

  /** How long this goes on. */
  get elapsedMs(): number {
    return this.#clocks.store.monotonicMs();
  }

  get storeNowMs(): number {
    return this.#clocks.store.nowMs();
  }

  async advance(ms: number): Promise<void> {
    for (const clock of Object.values(this.#clocks)) await clock.advance(ms);
  }

  /** A process whose calls wait, where they meet a Redis that has lost its state, until somebody has recovered it. */
  openProcess(process: ProcessNumber | typeof PRIMARY): Promise<ReplayProcess> {
    return openProcess({
      redis: followed(() => this.#links[process]),
      sqlite: this.sqlite,
      onLost: () =>
        new Promise((goOn) => {
          this.#waiting.push({ process: process === PRIMARY ? 1 : process, goOn });
        }),
    });
  }

  /** Lets those go on whose server works again. */
  letGoOn(): void {
    for (const { process, goOn } of this.#waiting.splice(0)) {
      if (this.#isLost(this.#links[process])) this.#waiting.push({ process, goOn });
      else goOn();
    }
  }

  /** Whether the primary runs no script of the key. */
  get isLost(): boolean {
    return this.#isLost(this.redis);
  }

  get epoch(): number {
    return this.redis.states.get(bucketOf(this.#key))?.epoch ?? 0;
  }

  /** What a restart or a replica would bring back from now on. */
  save(): void {
    this.#saved = this.redis.snapshot();
  }

  rollBack(): void {
    this.#restart(this.redis);
  }

  flush(): void {
    this.redis.flush();
    this.#spareOthers(this.redis);
  }

  /** The replica takes over; whoever has not noticed goes on with the server that is left behind. */
  failOver(): void {
    const replica = empty(this.redis);
    this.#restart(replica);
    this.#links[PRIMARY] = replica;
  }

  /** Whether it had to be found. */
  findPrimary(process: ProcessNumber): boolean {
    const { redis } = this;
    const isElsewhere = this.#links[process] !== redis;
    this.#links[process] = redis;
    return isElsewhere;
  }

  #restart(redis: FakeRedis): void {
    redis.restart(this.#saved);
    this.#clocks.redis.setWallClock(this.#beganMs - BEHIND_MS);
    this.#spareOthers(redis);
  }

  /** The key's bucket alone is lost, so that nothing is to be done about others. */
  #spareOthers({ states, run }: FakeRedis): void {
    for (const bucket of ALL_BUCKETS) {
      if (bucket === bucketOf(this.#key)) continue;
      states.set(bucket, { storeId: this.#storeId, run, epoch: FIRST_EPOCH, seq: 0 });
    }
  }

  #isLost({ states, run }: FakeRedis): boolean {
    const state = states.get(bucketOf(this.#key));
    return state?.storeId !== this.#storeId || state.run !== run;
  }
}

function empty({ clock, maxmemoryPolicy }: FakeRedis): FakeRedis {
  return new FakeRedis({ clock, maxmemoryPolicy });
}

/** The server that a process talks to, whichever it is at that moment. */
function followed(current: () => FakeRedis): FakeRedis {
  return new Proxy({} as FakeRedis, {
    get(_, property) {
      const redis = current();
      const member: unknown = Reflect.get(redis, property, redis);
      return typeof member === "function" ? (member.bind(redis) as unknown) : member;
    },
    set: (_, property, value) => Reflect.set(current(), property, value),
  });
}
