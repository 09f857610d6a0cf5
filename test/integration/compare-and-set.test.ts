import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import { type Caller, ToolFailure } from "../support/lockstep/caller.ts";
import type { Variables } from "../support/lockstep/open-lockstep.ts";
import { type StartedLockstep, startLockstep } from "../support/lockstep/start-lockstep.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { ServerName } from "../support/servers/found-servers.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Backends {
  readonly title: string;
  readonly servers: readonly ServerName[];
  readonly redis?: { readonly version: "system" | "6.2"; readonly policy: string };
  /** Members of the replica set, where there is a MongoDB; 0 = standalone. */
  readonly mongo?: 0 | 1;
}

const every: readonly Backends[] = [
  { title: "one SQLite file", servers: [] },
  { title: "MongoDB alone", servers: ["mongodb"], mongo: 0 },
  {
    title: "a pinned Redis 6.2 and SQLite",
    servers: ["redis-6.2"],
    redis: { version: "6.2", policy: "volatile-lru" },
  },
  {
    title: "a pinned Redis and MongoDB",
    servers: ["redis", "mongodb"],
    redis: { version: "system", policy: "volatile-lru" },
    mongo: 1,
  },
  {
    title: "an unpinned Redis and MongoDB",
    servers: ["redis", "mongodb"],
    redis: { version: "system", policy: "allkeys-lru" },
    mongo: 0,
  },
];

const KEYS = ["counter:a", "counter:b", "counter:c"];
const STEPS_EACH = 60;

/** Takes value, meta or both of a key whose last write the store has, as memory pressure may: only such a meta names no writer. */
const EVICT_CLEAN = `
local meta = redis.call('GET', KEYS[2])
if not meta or string.find(meta, '|%[.*%]$', 29) then return 0 end
if ARGV[1] ~= 'meta' then redis.call('UNLINK', KEYS[1]) end
if ARGV[1] ~= 'value' then redis.call('UNLINK', KEYS[2]) end
return 1`;

for (const { title, servers, redis: wantedRedis, mongo: replicaSet } of every) {
  describeWith(servers, `two processes on ${title}`, () => {
    let redis: RedisServer | undefined;
    let mongo: MongoServers | undefined;
    let folder: string;
    let pair: StartedLockstep[] = [];
    let evictor: Evictor | undefined;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "lockstep-cas-"));
      [redis, mongo] = await Promise.all([
        wantedRedis === undefined
          ? undefined
          : startRedis({
              version: wantedRedis.version,
              args: ["--maxmemory-policy", wantedRedis.policy],
            }),
        replicaSet === undefined ? undefined : startMongo({ replicaSet }),
      ]);
    });

    afterEach(async () => {
      await evictor?.stop();
      await Promise.all(pair.map((one) => one.close()));
    });

    afterAll(async () => {
      await Promise.all([redis?.close(), mongo?.close()]);
      await rm(folder, { recursive: true });
    });

    it("count up the same keys by compare-and-set and lose no step, also after evictions", async () => {
      const variables: Variables = {
        LOCKSTEP_SQLITE_FILE: join(folder, "store.db"),
        ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
        ...(mongo === undefined ? {} : { MONGODB_URI: mongo.uriOf("cas") }),
      };
      pair = await Promise.all([
        startLockstep(variables),
        startLockstep({ ...variables, LOCKSTEP_SYNC_MODE: "event-only" }),
      ]);
      evictor = redis === undefined ? undefined : new Evictor(redis.url);

      await Promise.all(pair.map((one, at) => countUp(one, `process ${at}`)));
      const evictions = await evictor?.stop();

      const total = pair.length * (STEPS_EACH / KEYS.length);
      for (const one of pair) {
        for (const key of KEYS) {
          expect(await one.call("kv_get", { key })).toMatchObject({ key, value: `${total}` });
        }
      }
      // Where there is no Redis, nothing can be evicted.
      expect(evictions ?? 1).toBeGreaterThan(0);
      await waitUntil(
        async () => (await pair[0]!.call("verify_cache_sync")).unprocessedOutboxEvents === 0,
        { what: "outbox and journal to drain" },
      );
      expect((await pair[1]!.call("verify_cache_sync")).overallSyncHealth).toBe("HEALTHY");
    });

    it("write once what both are told to write under one idempotency key", async () => {
      const variables: Variables = {
        LOCKSTEP_SQLITE_FILE: join(folder, "store.db"),
        ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
        ...(mongo === undefined ? {} : { MONGODB_URI: mongo.uriOf("cas") }),
      };
      pair = await Promise.all([startLockstep(variables), startLockstep(variables)]);
      evictor = redis === undefined ? undefined : new Evictor(redis.url, ["order:1"]);
      const order = { key: "order:1", value: "placed", sessionId: "s", idempotencyKey: "place" };

      const told = await Promise.all(
        Array.from({ length: 20 }, (_, at) => pair[at % 2]!.call("kv_set", order)),
      );
      await pair[0]!.call("kv_set", { key: "order:1", value: "sent", sessionId: "s" });
      const late = await pair[1]!.call("kv_set", order);
      const other = pair[1]!.call("kv_set", { ...order, value: "cancelled" });

      await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_KEY_REUSED" });
      expect(new Set([...told, late].map(({ version }) => version)).size).toBe(1);
      expect(await pair[0]!.call("kv_get", { key: "order:1" })).toMatchObject({ value: "sent" });
    });
  });
}

/** One step at a time: read, then write the next number if nobody else has meanwhile; what may be tried again is. */
async function countUp(caller: Caller, sessionId: string): Promise<void> {
  for (let step = 0; step < STEPS_EACH; ) {
    const key = KEYS[step % KEYS.length]!;
    const { value, version } = await caller.call("kv_get", { key });
    const condition = version === null ? { ifAbsent: true } : { ifVersion: version };
    const next = String(Number(value ?? "0") + 1);
    const terms = { ...condition, sessionId, idempotencyKey: `${sessionId} step ${step}` };
    try {
      await caller.call("kv_set", { key, value: next, ...terms });
      step += 1;
    } catch (error) {
      if (!(error instanceof ToolFailure) || error.code !== "VERSION_CONFLICT") throw error;
    }
  }
}

/** Evicts what may be evicted, over and over, until it is stopped. */
class Evictor {
  readonly #client: Redis;
  readonly #keys: readonly string[];
  readonly #running: Promise<number>;
  #stopped = false;

  constructor(url: string, keys: readonly string[] = KEYS) {
    this.#client = new Redis(url);
    this.#keys = keys;
    this.#running = this.#run();
  }

  /** Answers how often it could. */
  async stop(): Promise<number> {
    this.#stopped = true;
    const evictions = await this.#running;
    this.#client.disconnect();
    return evictions;
  }

  async #run(): Promise<number> {
    let evictions = 0;
    while (!this.#stopped) {
      for (const key of this.#keys) {
        for (const what of ["meta", "value", "both"]) {
          const done = await this.#client.eval(EVICT_CLEAN, 2, key, `lockstep:m:${key}`, what);
          evictions += Number(done);
          await this.#client.ping();
        }
      }
    }
    return evictions;
  }
}
