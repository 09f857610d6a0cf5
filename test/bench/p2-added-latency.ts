import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench } from "./bench-options.ts";
import { mixOf } from "./mix.ts";
import { openLoop, percentile } from "./open-loop.ts";
import { openServer } from "./open-server.ts";
import { type BareRedis, rawWrites, sendRaw, startBareRedis } from "./raw-writes.ts";
import { spreadOf } from "./rounds.ts";

const FLOOR_US = 25;
const TARGET_US = 10;

/** Far below what any of them can take: what is measured is the way, not a queue. */
const PER_SECOND = 1_500;
const WRITES = 3_000;
const WRITES_SMALL = 150;

/**
 * What a write that is acknowledged by the cache takes longer than a plain SET. The two, and the bare write script, take
 * turns write by write, so that all meet the same moment of the machine; each figure is the difference of two medians.
 */
export const measureAddedLatency: Bench = async (options) => {
  options.say("P2 added latency");
  const redis = await startRedis();
  const mongo = await startMongo();
  const bare = await startBareRedis();
  const server = await openServer({
    REDIS_URL: redis.url,
    MONGODB_URI: mongo.uriOf("added"),
  });
  try {
    const added: number[] = [];
    const sets: number[] = [];
    const scripts: number[] = [];
    for (let round = options.warmUp ? 0 : 1; round <= options.rounds; round += 1) {
      const count = options.small ? WRITES_SMALL : WRITES;
      const { set, script, lockstep } = await mediansOf(count, bare, (key, value) =>
        server.set(key, value, "cache"),
      );
      if (round === 0) continue;
      added.push(lockstep - set);
      sets.push(set);
      scripts.push(script);
    }
    return [
      {
        metric: "P2",
        what: "added to a plain SET by a write that the cache acknowledges, p50",
        unit: "µs",
        better: "lower",
        measured: spreadOf(added),
        ceilings: [
          { what: "plain SET", measured: spreadOf(sets) },
          { what: "bare write script", measured: spreadOf(scripts) },
        ],
        floor: { value: FLOOR_US },
        target: { value: TARGET_US },
      },
    ];
  } finally {
    await server.close();
    await bare.close();
    await mongo.close();
    await redis.close();
  }
};

/** Median latencies, microseconds, from the moment when each write was due. */
async function mediansOf(
  count: number,
  bare: BareRedis,
  lockstep: (key: string, value: string) => Promise<unknown>,
) {
  const writes = mixOf(count, { seed: 2, writeShare: 1 });
  const calls = rawWrites(bare, writes);
  const ways = [
    (index: number) => bare.client.set(writes[index]!.key, writes[index]!.value),
    (index: number) => sendRaw(bare.client, calls[index]!),
    (index: number) => lockstep(writes[index]!.key, writes[index]!.value),
  ];
  const seen: number[][] = ways.map(() => []);
  await openLoop({ perSecond: PER_SECOND, count, wait: "spin" }, async (index, dueMs) => {
    const way = index % ways.length;
    await ways[way]!(index);
    seen[way]!.push((performance.now() - dueMs) * 1000);
  });
  const [set, script, ours] = seen.map((latencies) => percentile(latencies, 0.5));
  return { set: set!, script: script!, lockstep: ours! };
}
