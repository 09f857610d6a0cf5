import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { type RowReader, readMongo, type StoredRow } from "../../support/lockstep/stored-row.ts";
import { FaultProxy } from "../../support/servers/fault-proxy.ts";
import type { MongoServers } from "../../support/servers/mongo-servers.ts";
import { startMongo } from "../../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../../support/servers/start-redis.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { EvictionCount, type KeyKind } from "./evictions.ts";
import type { Family } from "./family.ts";
import { lineOf, type RecordedCall } from "./recorded-call.ts";
import { ServerProcess } from "./server-process.ts";
import { SteppedClock } from "./stepped-clock.ts";

const DATABASE = "chaos";

/** A port that only root may listen on, and hardly anybody does. */
const NOBODY_PORT = 1;

/** These are short, so that faults are met within a small run; a backlog is not overdue within any run. */
const SYNC_TIMEOUT_MS = 500;

const PACE = {
  LOCKSTEP_OUTBOX_INTERVAL_MS: "200",
  LOCKSTEP_SYNC_OBJECTIVE_MS: String(3_600_000),
};

interface Parts {
  readonly redis: RedisServer;
  readonly replica: RedisServer | undefined;
  readonly mongo: MongoServers;
  readonly redisLinks: readonly FaultProxy[];
  readonly storeLinks: readonly FaultProxy[];
  readonly servers: readonly ServerProcess[];
  readonly clocks: Clocks;
  readonly evictions: EvictionCount | undefined;
  readonly folder: string;
}

/** Empty where nobody sets clocks. */
interface Clocks {
  readonly redis?: SteppedClock;
  readonly servers: readonly SteppedClock[];
}

type Closer = () => Promise<unknown>;

/** The servers of a run: Lockstep processes, their backends, and what lies between. */
export class ChaosWorld {
  readonly redis: RedisServer;
  readonly replica: RedisServer | undefined;
  readonly mongo: MongoServers;
  /** One for each server process, so that each can be cut off alone. */
  readonly redisLinks: readonly FaultProxy[];
  /** Empty where MongoDB is a replica set, whose members are met under their own addresses. */
  readonly storeLinks: readonly FaultProxy[];
  readonly servers: readonly ServerProcess[];
  readonly clocks: Clocks;
  /** For what a run wants to keep: logs, and files of Redis. */
  readonly folder: string;
  readonly #evictions: EvictionCount | undefined;
  readonly #policy: string;
  readonly #isReplicaSet: boolean;
  /** Which of the two is the primary. */
  #primary: RedisServer;

  private constructor({ backends }: Family, parts: Parts) {
    this.redis = parts.redis;
    this.replica = parts.replica;
    this.mongo = parts.mongo;
    this.redisLinks = parts.redisLinks;
    this.storeLinks = parts.storeLinks;
    this.servers = parts.servers;
    this.clocks = parts.clocks;
    this.folder = parts.folder;
    this.#evictions = parts.evictions;
    const { redisArgs = [], mongo } = backends;
    const policyAt = redisArgs.indexOf("--maxmemory-policy");
    this.#policy = policyAt < 0 ? "noeviction" : redisArgs[policyAt + 1]!;
    this.#isReplicaSet = mongo > 0;
    this.#primary = parts.redis;
  }

  /** Starts everything, the server processes too. */
  static async open(family: Family, seed: number): Promise<ChaosWorld> {
    const folder = await mkdtemp(join(tmpdir(), `lockstep-chaos-${family.name}-${seed}-`));
    const closers: Closer[] = [() => rm(folder, { recursive: true })];
    try {
      return new ChaosWorld(family, await openParts(family, folder, closers));
    } catch (error) {
      for (const close of closers.toReversed()) await close();
      throw error;
    }
  }

  /** Kinds of keys that Redis has evicted so far; counted where a family asks for some. */
  get evicted(): ReadonlySet<KeyKind> {
    return new Set(this.#evictions?.counts.keys());
  }

  /** Another program on the Redis that is the primary now. */
  async withRedis<T>(
    work: (client: Redis) => Promise<T>,
    server: RedisServer = this.#primary,
  ): Promise<T> {
    const client = new Redis(server.url, { lazyConnect: true, retryStrategy: () => null });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await work(client);
    } finally {
      client.disconnect();
    }
  }

  async stepDownPrimary(): Promise<void> {
    const client = new mongoose.mongo.MongoClient(`mongodb://${await this.mongo.primary()}`, {
      directConnection: true,
    });
    try {
      // The connection may be closed by the very thing that is asked for.
      await client
        .db("admin")
        .command({ replSetStepDown: 5, secondaryCatchUpPeriodSecs: 1, force: true })
        .catch(() => undefined);
    } finally {
      await client.close();
    }
  }

  /** Copies what a Redis that starts anew reads. */
  async keepRedisFiles(): Promise<void> {
    await this.withRedis(async (client) => {
      if (((await client.config("GET", "appendonly")) as string[])[1] === "no") await client.save();
    });
    const kept = join(this.folder, "kept");
    await rm(kept, { recursive: true, force: true });
    await mkdir(kept);
    for (const file of await dataFiles(this.redis.dir)) {
      await cp(join(this.redis.dir, file), join(kept, file), { recursive: true });
    }
  }

  async startRedisOnKeptFiles(): Promise<void> {
    const kept = join(this.folder, "kept");
    await this.redis.kill("SIGKILL");
    for (const file of await dataFiles(this.redis.dir)) {
      await rm(join(this.redis.dir, file), { recursive: true });
    }
    await cp(kept, this.redis.dir, { recursive: true });
    await this.redis.restart();
  }

  /** The replica goes on alone with what it has; nobody uses it yet. */
  async detachReplica(): Promise<void> {
    await replicaOf(this, this.#pair()[1], undefined);
  }

  /** These links lead to the replica from now on, and what is open on them ends. */
  leadToReplica(links: readonly FaultProxy[]): void {
    lead(links, this.#pair()[1]);
  }

  leadToPrimary(): void {
    lead(this.redisLinks, this.#primary);
  }

  /** The replica is the primary from now on; the old one follows it, and its state is gone. */
  async switchToReplica(): Promise<void> {
    const [old, next] = this.#pair();
    this.#primary = next;
    lead(this.redisLinks, next);
    await replicaOf(this, old, next.port);
  }

  /** It becomes the replica of a port where nobody is, so that it never resyncs. */
  async demotePrimary(): Promise<void> {
    await replicaOf(this, this.#primary, NOBODY_PORT);
  }

  async promotePrimary(): Promise<void> {
    await replicaOf(this, this.#primary, undefined);
  }

  async attachReplica(): Promise<void> {
    const [primary, other] = this.#pair();
    await replicaOf(this, other, primary.port);
  }

  #pair(): readonly [primary: RedisServer, other: RedisServer] {
    if (this.replica === undefined) throw new Error("This family has no replica.");
    return this.#primary === this.redis ? [this.redis, this.replica] : [this.replica, this.redis];
  }

  /** Everything runs and is reachable again, whatever faults were not ended. */
  async heal(): Promise<void> {
    for (const link of [...this.redisLinks, ...this.storeLinks]) link.heal();
    for (const redis of [this.redis, this.replica]) {
      if (redis?.isRunning === true) await redis.kill("SIGCONT");
      else await redis?.restart();
    }
    if (!this.#isReplicaSet || this.mongo.pids.length > 0) await this.mongo.kill("SIGCONT");
    await this.mongo.start();
    for (const clock of [this.clocks.redis, ...this.clocks.servers]) clock?.set(0);
    await Promise.all(
      this.servers.map(async (server) => {
        server.resume();
        await server.start();
      }),
    );
    await this.withRedis((client) => client.config("SET", "maxmemory-policy", this.#policy));
  }

  /** How many writes the shadow lacks, in either place. */
  async backlog(): Promise<{ readonly markers: number; readonly events: number }> {
    const markers = await this.withRedis(async (client) => {
      const sets = await client.keys("lockstep:p:*");
      const counts = await Promise.all(sets.map((set) => client.zcard(set)));
      return counts.reduce((sum, count) => sum + count, 0);
    });
    return { markers, events: await this.#readRows((rows) => rows.unprocessedEvents()) };
  }

  /** What the store has, read without any code of ours. */
  rows(): Promise<ReadonlyMap<string, StoredRow>> {
    return this.#readRows((rows) => rows.rows());
  }

  /** By a connection that has not met the faults. */
  async #readRows<T>(read: (rows: RowReader) => Promise<T>): Promise<T> {
    const rows = await readMongo(this.mongo.uriOf(DATABASE));
    try {
      return await read(rows);
    } finally {
      await rows.close();
    }
  }

  /** Writes the history and every server's log into the folder. */
  async keepLogs(history: readonly RecordedCall[]): Promise<string> {
    await writeFile(join(this.folder, "history.txt"), `${history.map(longLineOf).join("\n")}\n`);
    for (const { name, log } of this.servers)
      await writeFile(join(this.folder, `${name}.log`), log);
    for (const redis of [this.redis, this.replica]) {
      if (redis !== undefined) {
        await cp(redis.dir, join(this.folder, `redis-${redis.port}`), { recursive: true });
      }
    }
    return this.folder;
  }

  /** Ends everything; without `keepFolder`, nothing is left of it. */
  async close({ keepFolder }: { readonly keepFolder: boolean }): Promise<void> {
    await Promise.all(this.servers.map((server) => server.kill()));
    await Promise.all([...this.redisLinks, ...this.storeLinks].map((link) => link.close()));
    this.#evictions?.close();
    await Promise.all([this.replica?.close(), this.redis.close(), this.mongo.close()]);
    if (!keepFolder) await rm(this.folder, { recursive: true });
  }
}

async function openParts(family: Family, folder: string, closers: Closer[]): Promise<Parts> {
  const keep = <T extends { close(): Promise<unknown> }>(opened: T): T => {
    closers.push(() => opened.close());
    return opened;
  };
  const clocks: Clocks =
    family.steppedClock === true
      ? {
          redis: new SteppedClock(folder, "redis"),
          servers: Array.from(
            { length: family.servers },
            (_, at) => new SteppedClock(folder, `${at}`),
          ),
        }
      : { servers: [] };
  const mongo = keep(await startMongo({ replicaSet: family.backends.mongo }));
  const { redis, replica } = await openRedis(family, clocks, keep);
  const evictions = family.mustEvict === undefined ? undefined : await EvictionCount.of(redis);
  closers.push(async () => evictions?.close());
  const redisLinks: FaultProxy[] = [];
  const storeLinks: FaultProxy[] = [];
  for (let at = 0; at < family.servers; at += 1) {
    redisLinks.push(keep(await FaultProxy.open(redis.port)));
    if (family.backends.mongo > 0) continue;
    storeLinks.push(keep(await FaultProxy.open(Number(new URL(mongo.uri).port))));
  }
  const servers = redisLinks.map((redisLink, at) => {
    const storeLink = storeLinks[at];
    return new ServerProcess(`server-${at}`, {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      REDIS_URL: `redis://127.0.0.1:${redisLink.port}`,
      MONGODB_URI:
        storeLink === undefined
          ? mongo.uriOf(DATABASE)
          : `mongodb://127.0.0.1:${storeLink.port}/${DATABASE}?directConnection=true`,
      // Every way that a write can go is in the mix.
      LOCKSTEP_SYNC_MODE: at % 2 === 0 ? "hybrid" : "event-only",
      LOCKSTEP_SYNC_TIMEOUT_MS: String(family.syncTimeoutMs ?? SYNC_TIMEOUT_MS),
      ...PACE,
      ...clocks.servers[at]?.env,
    });
  });
  closers.push(() => Promise.all(servers.map((server) => server.kill())));
  await Promise.all(servers.map((server) => server.start()));
  return {
    redis,
    replica,
    mongo,
    redisLinks,
    storeLinks,
    servers,
    clocks,
    evictions,
    folder,
  };
}

async function openRedis(
  { backends }: Family,
  clocks: Clocks,
  keep: <T extends { close(): Promise<unknown> }>(opened: T) => T,
): Promise<Pick<Parts, "redis" | "replica">> {
  const { redis: version, redisArgs: args = [], replica: hasReplica = false } = backends;
  const redis = keep(await startRedis({ version, args, env: clocks.redis?.env ?? {} }));
  if (!hasReplica) return { redis, replica: undefined };
  const following = [...args, "--replicaof", "127.0.0.1", String(redis.port)];
  const replica = keep(await startRedis({ version, args: following }));
  await waitUntil(() => isInSync(replica), { withinMs: 30_000, what: "the replica to be in sync" });
  return { redis, replica };
}

async function isInSync(replica: RedisServer): Promise<boolean> {
  const client = new Redis(replica.url);
  try {
    return (await client.info("replication")).includes("master_link_status:up");
  } finally {
    client.disconnect();
  }
}

function longLineOf(call: RecordedCall): string {
  return `${call.key} ${lineOf(call)}`;
}

function lead(links: readonly FaultProxy[], { port }: RedisServer): void {
  for (const link of links) {
    link.retarget(port);
    link.cut();
  }
}

/** undefined: it is a primary. */
function replicaOf(
  world: ChaosWorld,
  server: RedisServer,
  port: number | undefined,
): Promise<void> {
  const whom = port === undefined ? ["NO", "ONE"] : ["127.0.0.1", String(port)];
  return world.withRedis(async (client) => void (await client.call("REPLICAOF", ...whom)), server);
}

async function dataFiles(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((file) => /^(dump\.rdb|appendonly)/.test(file));
}
