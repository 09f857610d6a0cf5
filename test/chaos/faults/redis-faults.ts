import type { FaultKind } from "./fault.ts";

/** What was answered is on its disk, or not, as its configuration says. */
export const killRedis: FaultKind = () => ({
  subject: "redis",
  name: "kill Redis (SIGKILL), then start it on what its disk has",
  begin: (world) => world.redis.kill("SIGKILL"),
  end: (world) => world.redis.restart(),
});

export const pauseRedis: FaultKind = () => ({
  subject: "redis",
  name: "stop Redis (SIGSTOP), then let it go on",
  begin: (world) => world.redis.kill("SIGSTOP"),
  end: (world) => world.redis.kill("SIGCONT"),
});

export const flushScripts: FaultKind = () => ({
  subject: "redis",
  name: "SCRIPT FLUSH",
  begin: (world) => world.withRedis(async (client) => void (await client.script("FLUSH"))),
});

export const killConnections: FaultKind = () => ({
  subject: "redis",
  name: "CLIENT KILL of every connection",
  begin: (world) =>
    world.withRedis(async (client) => {
      await client.client("KILL", "TYPE", "normal", "SKIPME", "yes");
    }),
});

/** Nothing is evicted, since there is memory enough: only the promises change, in the middle of everything. */
export const flipPolicy: FaultKind = (random) => {
  const policy = random.pick([
    "noeviction",
    "volatile-lru",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-random",
  ]);
  return {
    subject: "redis",
    name: `maxmemory-policy ${policy}`,
    begin: (world) =>
      world.withRedis(
        async (client) => void (await client.config("SET", "maxmemory-policy", policy)),
      ),
  };
};

export const flushAll: FaultKind = () => ({
  subject: "redis",
  name: "FLUSHALL",
  begin: (world) => world.withRedis(async (client) => void (await client.flushall())),
});

/** The disk has an older state than the one that was answered from. */
export const rollBack: FaultKind = () => ({
  subject: "redis",
  name: "keep Redis' files, then kill it (SIGKILL) and start it on the old ones",
  begin: (world) => world.keepRedisFiles(),
  end: (world) => world.startRedisOnKeptFiles(),
});
