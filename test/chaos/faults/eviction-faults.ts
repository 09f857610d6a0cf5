import { kindOf } from "../run/evictions.ts";
import type { FaultKind } from "./fault.ts";

/**
 * What `allkeys-*` may do to any key at any moment, done to keys of one kind that are too few or too busy for Redis to
 * choose them: the states that every call touches, the leases that live for a moment, the meta of values that stay.
 */
export const evictKind: FaultKind = (random) => {
  const kind = random.pick(["meta", "state", "lease", "value"] as const);
  const share = random.pick([0.2, 0.5, 1]);
  return {
    subject: "redis",
    name: `evict ${share * 100} % of all ${kind} keys`,
    begin: (world) =>
      world.withRedis(async (client) => {
        const keys = await client.keys("*");
        const hit = keys.filter((key) => kindOf(key) === kind);
        const count = Math.ceil(hit.length * share);
        if (count > 0) await client.unlink(hit.toSorted().slice(0, count));
      }),
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
