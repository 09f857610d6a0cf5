import mongoose from "mongoose";
import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Bench, BenchOptions } from "./bench-options.ts";
import { Failures } from "./failures.ts";
import type { Figure } from "./figure.ts";
import { type MixedOperation, mixOf } from "./mix.ts";
import { openLoop, percentile } from "./open-loop.ts";
import { BacklogWatch, type OpenServer, openServer } from "./open-server.ts";
import { inFlight } from "./payload.ts";
import { perSecond, spreadOf } from "./rounds.ts";
import { ShadowWatch, watched } from "./shadow-watch.ts";

const OPERATIONS = 15_000;
const OPERATIONS_SMALL = 300;
const IN_FLIGHT = 100;
/** How long one round at half load takes, seconds. */
const ROUND_SECONDS = 2;
const SINGLE_WRITES = 300;

const BOUNDS = [
  { name: "p50", share: 0.5, floorMs: 10, targetMs: 3 },
  { name: "p99", share: 0.99, floorMs: 50, targetMs: 15 },
] as const;

/**
 * From a write's acknowledgement by the cache to the moment when MongoDB, a replica set of one, has told that it has that
 * version or a newer one, journaled. The load is half of what the same server took in the usual mix just before, at a
 * fixed rate. The ceiling is a bare majority write, one at a time, in the same rounds.
 */
export const measureSyncLag: Bench = async (options) => {
  options.say("P3 sync lag");
  const redis = await startRedis();
  const mongo = await startMongo({ replicaSet: 1 });
  const variables = { REDIS_URL: redis.url, MONGODB_URI: watched(mongo.uriOf("lag")) };
  const server = await openServer(variables);
  const backlog = new BacklogWatch(variables);
  const raw = new mongoose.mongo.MongoClient(mongo.uri);
  const failures = new Failures("P3", options.say);
  try {
    const lags = new Map<string, number[]>(BOUNDS.map(({ name }) => [name, []]));
    const bare = new Map<string, number[]>(BOUNDS.map(({ name }) => [name, []]));
    for (let round = options.warmUp ? 0 : 1; round <= options.rounds; round += 1) {
      const load = await fullLoad(server, options, failures);
      await backlog.untilEmpty();
      const seenLags = await lagsAt(load / 2, server, options, failures);
      await backlog.untilEmpty();
      const seenBare = await bareWrites(raw, options);
      if (round === 0) continue;
      for (const { name, share } of BOUNDS) {
        lags.get(name)!.push(percentile(seenLags, share));
        bare.get(name)!.push(percentile(seenBare, share));
      }
    }
    return BOUNDS.map(
      ({ name, floorMs, targetMs }) =>
        ({
          metric: "P3",
          what: `sync lag at half load, ${name}${failures.told}`,
          unit: "ms",
          better: "lower",
          measured: spreadOf(lags.get(name)!),
          ceilings: [
            {
              what: `bare majority write, alone, ${name}`,
              measured: spreadOf(bare.get(name)!),
            },
          ],
          floor: { value: floorMs },
          target: { value: targetMs },
        }) satisfies Figure,
    );
  } finally {
    await raw.close();
    await backlog.close();
    await server.close();
    await mongo.close();
    await redis.close();
  }
};

/** Operations per second of the usual mix, 100 at once, whose writes wait until they are durable. */
function fullLoad(server: OpenServer, options: BenchOptions, failures: Failures): Promise<number> {
  const mix = mixOf(options.small ? OPERATIONS_SMALL : OPERATIONS, { seed: 3 });
  return perSecond(mix.length, () =>
    inFlight(mix, IN_FLIGHT, (operation) => failures.count(operate(server, operation, "durable"))),
  );
}

async function lagsAt(
  load: number,
  server: OpenServer,
  options: BenchOptions,
  failures: Failures,
): Promise<readonly number[]> {
  const count = options.small ? OPERATIONS_SMALL : Math.round(load * ROUND_SECONDS);
  const mix = mixOf(count, { seed: 4 });
  const lags: number[] = [];
  const landed = new Map<string, { version: string; atMs: number }[]>();
  const acknowledged: { key: string; version: string; atMs: number }[] = [];
  const watch = new ShadowWatch((key, version, atMs) => {
    const ofKey = landed.get(key);
    if (ofKey === undefined) landed.set(key, [{ version, atMs }]);
    else ofKey.push({ version, atMs });
  });
  try {
    await openLoop({ perSecond: load, count, wait: "timer" }, async (index) => {
      const operation = mix[index]!;
      const receipt = await failures.count(operate(server, operation, "cache"));
      if (receipt !== undefined) {
        const { version } = receipt;
        acknowledged.push({ key: operation.key, version, atMs: performance.now() });
      }
    });
    for (const { key, version, atMs } of acknowledged) {
      const landing = await landingOf(landed, key, version);
      // A write can land before its caller has been told of the cache.
      lags.push(Math.max(0, landing - atMs));
    }
  } finally {
    watch.close();
  }
  return lags;
}

/** When the key had this version or a newer one; waits for those that are on their way. */
async function landingOf(
  landed: ReadonlyMap<string, readonly { version: string; atMs: number }[]>,
  key: string,
  version: string,
): Promise<number> {
  const landings = () =>
    (landed.get(key) ?? []).filter((landing) => landing.version >= version).map(({ atMs }) => atMs);
  await waitUntil(() => landings().length > 0, {
    everyMs: 10,
    what: `${key} to reach the shadow`,
  });
  return Math.min(...landings());
}

async function operate(
  server: OpenServer,
  { op, key, value }: MixedOperation,
  ack: "cache" | "durable",
) {
  if (op === "set") return server.set(key, value, ack);
  await server.get(key);
  return undefined;
}

async function bareWrites(
  client: mongoose.mongo.MongoClient,
  options: BenchOptions,
): Promise<readonly number[]> {
  const collection = client.db("bare").collection<{ _id: string; value: string }>("rows");
  const latencies: number[] = [];
  const writes = mixOf(options.small ? 20 : SINGLE_WRITES, { seed: 5, writeShare: 1 });
  for (const { key, value } of writes) {
    const beganMs = performance.now();
    await collection.updateOne(
      { _id: key },
      { $set: { value } },
      { upsert: true, writeConcern: { w: "majority", j: true } },
    );
    latencies.push(performance.now() - beganMs);
  }
  return latencies;
}
