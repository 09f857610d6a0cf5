import { Redis } from "ioredis";
import { chunksOf } from "../../src/lib/chunks-of.ts";
import type { SetCommand } from "../../src/model/write-command.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Bench } from "./bench-options.ts";
import type { Figure } from "./figure.ts";
import { openBareCache } from "./open-bare-cache.ts";
import { commandsOf, inFlight } from "./payload.ts";
import { alternate, type Spread } from "./rounds.ts";

const FLOOR_BYTES = 250;
const TARGET_BYTES = 150;

const KEYS = 20_000;
const KEYS_SMALL = 2_000;

const WRITES_IN_FLIGHT = 100;
const ACKNOWLEDGED_AT_ONCE = 500;

/** Far enough for nothing to expire meanwhile. */
const FAR_MS = 24 * 3_600_000;

/** What stands in Redis: with `ttl`, each value has a TTL with and without Lockstep. */
interface Case {
  readonly policy: "noeviction" | "volatile-lru";
  readonly valueBytes: number;
  readonly ttl: "no TTL" | "with TTL";
}

const CASES: readonly Case[] = [
  { policy: "noeviction", valueBytes: 300, ttl: "no TTL" },
  { policy: "noeviction", valueBytes: 1000, ttl: "no TTL" },
  { policy: "noeviction", valueBytes: 300, ttl: "with TTL" },
  // Under volatile-* a clean value always has a TTL, and a plain key that may be evicted has one too.
  { policy: "volatile-lru", valueBytes: 300, ttl: "no TTL" },
  { policy: "volatile-lru", valueBytes: 1000, ttl: "no TTL" },
];

/**
 * What one synced key takes in Redis beyond its plain value: the server's own `used_memory` with as many keys written
 * and acknowledged through the driver, less the same with plain keys, per key. Side keys and tables are all in it; what
 * the server keeps once, such as its scripts, is there since the warm-up.
 */
export const measureRedisBytes: Bench = async (options) => {
  const server = await startRedis({ args: ["--maxmemory", "2gb"] });
  try {
    const figures: Figure[] = [];
    for (const what of CASES) {
      options.say(`P8 ${what.policy}, ${what.valueBytes} B values, ${what.ttl}`);
      const commands = commandsOf(options.small ? KEYS_SMALL : KEYS, what.valueBytes);
      const { extra } = await alternate(options, {
        extra: async () => {
          const plain = await usedBy(server, what, () => writePlain(server, what, commands));
          const kept = await usedBy(server, what, () => writeThrough(server, what, commands));
          return (kept - plain) / commands.length;
        },
      });
      figures.push(figureOf(what, extra));
    }
    return figures;
  } finally {
    await server.close();
  }
};

function figureOf({ policy, valueBytes, ttl }: Case, measured: Spread): Figure {
  return {
    metric: "P8",
    what: `extra per clean key, ${policy}, ${valueBytes} B values, ${ttl}`,
    unit: "bytes",
    better: "lower",
    measured,
    ceilings: [],
    floor: { value: FLOOR_BYTES },
    target: { value: TARGET_BYTES },
  };
}

/** Bytes that `fill` leaves behind in an empty server. */
async function usedBy(
  server: RedisServer,
  { policy }: Case,
  fill: () => Promise<void>,
): Promise<number> {
  const observer = new Redis(server.url);
  try {
    await observer.config("SET", "maxmemory-policy", policy);
    await observer.flushall("SYNC");
    const empty = await settledBytes(observer);
    await fill();
    return (await settledBytes(observer)) - empty;
  } finally {
    observer.disconnect();
  }
}

/** Buffers of clients that have gone and a table that is being moved count for a moment longer. */
async function settledBytes(observer: Redis): Promise<number> {
  let before = -1;
  let same = 0;
  return waitUntil(
    async () => {
      const used = Number(/^used_memory:(\d+)/m.exec(await observer.info("memory"))?.[1]);
      same = used === before ? same + 1 : 0;
      before = used;
      return same >= 5 && used;
    },
    { what: "the memory of Redis to settle" },
  );
}

async function writePlain(
  server: RedisServer,
  { policy, ttl }: Case,
  commands: readonly SetCommand[],
): Promise<void> {
  const expires = ttl === "with TTL" || policy === "volatile-lru";
  const client = new Redis(server.url);
  try {
    await inFlight(commands, WRITES_IN_FLIGHT, ({ key, value }) =>
      expires ? client.set(key, value, "PX", FAR_MS) : client.set(key, value),
    );
  } finally {
    await client.quit();
  }
}

async function writeThrough(
  server: RedisServer,
  { ttl }: Case,
  commands: readonly SetCommand[],
): Promise<void> {
  const cache = openBareCache(server.url);
  try {
    await cache.bindStore("bench");
    const acks: { key: string; version: string }[] = [];
    await inFlight(commands, WRITES_IN_FLIGHT, async (command) => {
      const written = await cache.write(
        ttl === "with TTL" ? { ...command, ttlMs: FAR_MS } : command,
      );
      if (written.outcome !== "written") throw new Error("An unguarded write was refused.");
      acks.push({ key: command.key, version: written.entry.version });
    });
    for (const batch of chunksOf(acks, ACKNOWLEDGED_AT_ONCE)) await cache.acknowledge(batch);
  } finally {
    await cache.close();
  }
}
