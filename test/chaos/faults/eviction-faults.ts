import type { ChaosWorld } from "../run/chaos-world.ts";
import { type KeyKind, kindOf } from "../run/evictions.ts";
import type { FaultKind } from "./fault.ts";

/**
 * What `allkeys-*` may do to any key at any moment, done to keys of one kind that are too few or too busy for Redis to
 * choose them: the states that every call touches, the leases that live for a moment, the meta of values that stay, the
 * markers from before the policy was changed.
 */
export const evictKind: FaultKind = (random) => {
  const kind = random.pick(["meta", "state", "lease", "value", "markers"] as const);
  const share = random.pick([0.2, 0.5, 1]);
  return {
    subject: "redis",
    name: `evict ${share * 100} % of all ${kind} keys`,
    begin: (world) => evict(world, [kind], (keys) => keys.slice(0, Math.ceil(keys.length * share))),
  };
};

/** Another program needs the memory, so that Redis evicts what it likes. */
export const squeeze: FaultKind = (random) => {
  const keys = 200 + random.integer(400);
  const value = "x".repeat(8_192);
  return {
    subject: "redis",
    name: `another program writes ${keys} keys`,
    begin: (world) =>
      world.withRedis(async (client) => {
        for (let from = 0; from < keys; from += 20) {
          const pipeline = client.pipeline();
          for (let at = from; at < from + 20; at += 1) pipeline.set(`other:${at}`, value);
          await pipeline.exec();
        }
      }),
  };
};

/**
 * Redis goes back to a moment in which it had evicted everything while the store had not yet heard of one server's
 * writes: then it has copies that others have read back while a newer write was under way, and knows of versions above theirs.
 */
export const rollBackToUntold: FaultKind = (random, { servers, keys }) => {
  const at = random.integer(servers);
  return {
    subject: "redis",
    name: `keep Redis' files once it has evicted all that server-${at} has not brought to the store, then kill it (SIGKILL) and start it on the old ones`,
    async begin(world) {
      const link = world.storeLinks[at];
      const reader = world.servers.find((server, one) => one !== at && server.isWell);
      // All of this must be over while a write may still wait for the store.
      const readAll = async () => {
        const each = Array.from({ length: keys }, (_, key) => `key:${key}`);
        await Promise.all(each.map(async (key) => reader?.call("kv_get", { key })));
      };
      link?.set({ hole: "to-server" });
      await readAll();
      await evict(world, ["value", "meta"], (found) => found);
      await readAll();
      await world.keepRedisFiles();
      link?.heal();
      // What was under way lands, and its callers are told.
      await readAll();
      await readAll();
      await world.startRedisOnKeptFiles();
    },
  };
};

function evict(
  world: ChaosWorld,
  kinds: readonly KeyKind[],
  choose: (keys: readonly string[]) => readonly string[],
): Promise<void> {
  return world.withRedis(async (client) => {
    const keys = await client.keys("*");
    const chosen = choose(keys.filter((key) => kinds.includes(kindOf(key))).toSorted());
    if (chosen.length > 0) await client.unlink(...chosen);
  });
}
