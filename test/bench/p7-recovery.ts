import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import mongoose from "mongoose";
import { SeededRandom } from "../support/seeded-random.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench, BenchOptions } from "./bench-options.ts";
import { type Place, rawOnMongo } from "./drain-mongo.ts";
import type { Figure } from "./figure.ts";
import { inTemporaryFolder } from "./in-temporary-folder.ts";
import { MIX_KEYS } from "./mix.ts";
import { BacklogWatch, type OpenServer, openServer, type Variables } from "./open-server.ts";
import { inFlight, keyOf } from "./payload.ts";
import { Writer } from "./peers/writer.ts";
import { alternate, perSecond, type Spread, spreadOf } from "./rounds.ts";

const REPAIR_FLOOR = 10_000;
const CONVERGE_FLOOR_MS = 5_000;
const CONVERGE_TARGET_MS = 1_500;

const ROWS = 2_000;
const ROWS_SMALL = 50;
const REPAIRS_IN_FLIGHT = 50;

/** Operations of the writer that is killed, per second: enough that it always dies amid writes. */
const PER_SECOND = 3_000;
const LOAD_MS = 1_500;

/** The survivor looks so often, milliseconds. Rounds follow each other, so without chance all kills would fall on one moment between two looks. */
const LOOKS_EVERY_MS = 2_000;

export const measureRecovery: Bench = async (options) => {
  const redis = await startRedis();
  const mongo = await startMongo();
  const place = (name: string): Place => ({ uri: mongo.uriOf(name), redisUrl: redis.url });
  try {
    return [
      await measureConvergence(options, place("converge")),
      ...(await measureRepairs(
        options,
        { ...place("repair"), redisUrl: `${redis.url}/1` },
        (round) => place(`repair-raw-${round}`),
      )),
    ];
  } finally {
    await mongo.close();
    await redis.close();
  }
};

/**
 * Two servers on the same Redis and MongoDB; one, which takes writes that the cache acknowledges, is killed. Counted from
 * the kill until Redis holds no marker and the outbox no event: the other server has found what the dead one left.
 */
async function measureConvergence(
  options: BenchOptions,
  { uri, redisUrl }: Place,
): Promise<Figure> {
  options.say("P7 kill -9 to converged");
  const variables = { REDIS_URL: redisUrl, MONGODB_URI: uri };
  const survivor = await openServer(variables);
  const backlog = new BacklogWatch(variables);
  const random = new SeededRandom(7);
  const took: number[] = [];
  const left: number[] = [];
  try {
    for (let round = options.warmUp ? 0 : 1; round <= options.rounds; round += 1) {
      const { tookMs, markers } = await killOnce(round, variables, { backlog, random });
      if (round === 0) continue;
      took.push(tookMs);
      left.push(markers);
    }
  } finally {
    await backlog.close();
    await survivor.close();
  }
  return {
    metric: "P7",
    what: `kill -9 to converged, ${spreadOf(left).median} writes (median) left unsynced`,
    unit: "ms",
    better: "lower",
    measured: spreadOf(took),
    ceilings: [],
    floor: { value: CONVERGE_FLOOR_MS },
    target: { value: CONVERGE_TARGET_MS },
  };
}

function killOnce(
  round: number,
  { REDIS_URL: redisUrl = "", MONGODB_URI: mongoUri = "" }: Variables,
  { backlog, random }: { readonly backlog: BacklogWatch; readonly random: SeededRandom },
): Promise<{ tookMs: number; markers: number }> {
  return inTemporaryFolder(async (folder) => {
    const writer = await Writer.start({
      name: `round${round}`,
      peer: "lockstepJournal",
      place: { redisUrl, mongoUri },
      seed: 70 + round,
      keys: MIX_KEYS,
      perSecond: PER_SECOND,
      logFile: join(folder, "writes.log"),
    });
    await setTimeout(LOAD_MS + random.fraction() * LOOKS_EVERY_MS);
    // Amid writes: a kill between two of them would leave nothing to converge.
    while ((await backlog.count()).markers === 0) await setTimeout(1);
    await writer.kill();
    const killedMs = performance.now();
    const { markers } = await backlog.count();
    await backlog.untilEmpty();
    return { tookMs: performance.now() - killedMs, markers };
  });
}

/**
 * Keys whose rows somebody has removed, repaired one by one through the tool, several at once, and by plans, the finding of
 * the keys included. The ceiling writes as many rows as bare bulks.
 */
async function measureRepairs(
  options: BenchOptions,
  { uri, redisUrl }: Place,
  rawPlace: (round: number) => Place,
): Promise<readonly Figure[]> {
  options.say("P7 repair rate");
  const rows = options.small ? ROWS_SMALL : ROWS;
  const variables = { REDIS_URL: redisUrl, MONGODB_URI: uri };
  const server = await openServer(variables);
  const backlog = new BacklogWatch(variables);
  const mongo = new mongoose.mongo.MongoClient(uri);
  const keys = Array.from({ length: rows }, (_, index) => keyOf(index));
  const value = "x".repeat(200);
  let rawRounds = 0;
  try {
    await inFlight(keys, REPAIRS_IN_FLIGHT, (key) => server.set(key, value));
    await backlog.untilEmpty();
    const mending = async <T>(mend: () => Promise<T>): Promise<T> => {
      await mongo.db().collection("kvshadow").deleteMany({});
      const result = await mend();
      const mended = await mongo.db().collection("kvshadow").countDocuments();
      if (mended !== rows) throw new Error(`Only ${mended} of ${rows} keys were repaired.`);
      return result;
    };
    const { single, planned, applied, raw } = await alternate(options, {
      single: () =>
        mending(() =>
          perSecond(rows, () =>
            inFlight(keys, REPAIRS_IN_FLIGHT, (key) =>
              server.run("force_sync_repair", repairOf(key)),
            ),
          ),
        ),
      planned: () => mending(() => perSecond(rows, () => repairByPlans(server, rows))),
      applied: async () => {
        const { applyingMs } = await mending(() => repairByPlans(server, rows));
        return (rows / applyingMs) * 1000;
      },
      raw: () => {
        rawRounds += 1;
        return rawOnMongo(rawPlace(rawRounds), rows);
      },
    });
    const figureOf = (what: string, measured: Spread): Figure => ({
      metric: "P7",
      what,
      unit: "keys/s",
      better: "higher",
      measured,
      ceilings: [{ what: "raw bulk upsert", measured: raw }],
      floor: { value: REPAIR_FLOOR },
      target: { timesCeiling: 0.9 },
    });
    return [
      figureOf("repair of keys whose rows were removed, a call each", single),
      figureOf("repair by a plan of keys whose rows were removed, plan and apply", planned),
      figureOf("repair by a plan of keys whose rows were removed, apply alone", applied),
    ];
  } finally {
    await mongo.close();
    await backlog.close();
    await server.close();
  }
}

/** Plan after plan, since one has so many keys at most. Answers how long the applying took of it. */
async function repairByPlans(server: OpenServer, rows: number): Promise<{ applyingMs: number }> {
  let applyingMs = 0;
  for (let left = rows; left > 0; ) {
    const plan = await server.run("plan_sync_repair", { strategy: "auto" });
    const { planId, repairs } = plan as { planId: string | null; repairs: number };
    if (planId === null) break;
    const begunMs = performance.now();
    await server.run("apply_sync_repair", { planId });
    applyingMs += performance.now() - begunMs;
    left -= repairs;
  }
  return { applyingMs };
}

function repairOf(key: string) {
  return { key, strategy: "auto", dryRun: false };
}
