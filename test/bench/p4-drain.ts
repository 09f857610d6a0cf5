import { startMongo } from "../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import type { Bench, BenchOptions } from "./bench-options.ts";
import { bullmqOnMongo } from "./drain-bullmq.ts";
import { outboxOnMongo, rawOnMongo, sweepOnMongo } from "./drain-mongo.ts";
import { outboxOnSqlite, rawOnSqlite } from "./drain-sqlite.ts";
import type { Figure } from "./figure.ts";
import { alternate, type Spread } from "./rounds.ts";

const FLOOR_PER_SECOND = 10_000;
const TARGET_TIMES_RAW = 0.9;
const TARGET_TIMES_BULLMQ = 3;

const ROWS = 20_000;
const ROWS_SMALL = 500;
/** It is so much slower that more would only take longer. */
const ROWS_OF_BULLMQ = 4_000;

/**
 * How fast a backlog reaches the shadow: the outbox by the projector, and the journal in Redis by its sweep. Every round
 * begins with an empty store and rows that it has not seen. The ceiling writes the same rows, encoded beforehand, as
 * raw only-newer upserts in bulks of 500 and nothing else.
 */
export const measureDrain: Bench = async (options) => {
  const redis = await startRedis();
  try {
    return [
      ...(await drainOfSqlite(options)),
      ...(await drainOfMongo(options, redis, 0)),
      ...(await drainOfMongo(options, redis, 1)),
    ];
  } finally {
    await redis.close();
  }
};

async function drainOfSqlite(options: BenchOptions): Promise<Figure[]> {
  const rows = options.small ? ROWS_SMALL : ROWS;
  options.say("P4 SQLite");
  const { outbox, raw } = await alternate(options, {
    raw: () => rawOnSqlite(rows),
    outbox: () => outboxOnSqlite(rows),
  });
  return [figureOf("outbox → SQLite", outbox, raw)];
}

async function drainOfMongo(
  options: BenchOptions,
  redis: RedisServer,
  replicaSet: 0 | 1,
): Promise<Figure[]> {
  const rows = options.small ? ROWS_SMALL : ROWS;
  const name = replicaSet === 0 ? "MongoDB standalone" : "MongoDB replica set of one";
  options.say(`P4 ${name}`);
  const mongo = await startMongo({ replicaSet });
  try {
    let databases = 0;
    const place = () => {
      databases += 1;
      return { uri: mongo.uriOf(`drain-${databases}`), redisUrl: redis.url };
    };
    const { outbox, sweep, raw, bullmq } = await alternate(options, {
      raw: () => rawOnMongo(place(), rows),
      outbox: () => outboxOnMongo(place(), rows),
      sweep: () => sweepOnMongo(place(), rows),
      bullmq: () => bullmqOnMongo(place(), Math.min(rows, ROWS_OF_BULLMQ)),
    });
    return [
      figureOf(`outbox → ${name}, acknowledged in Redis`, outbox, raw),
      figureOf(`journal in Redis → ${name}`, sweep, raw),
      {
        ...figureOf(`outbox → ${name}, against BullMQ`, outbox, raw),
        ceilings: [{ what: "BullMQ, one job per row", measured: bullmq }],
        target: { timesCeiling: TARGET_TIMES_BULLMQ },
      },
    ];
  } finally {
    await mongo.close();
  }
}

function figureOf(what: string, measured: Spread, raw: Spread): Figure {
  return {
    metric: "P4",
    what,
    unit: "rows/s",
    better: "higher",
    measured,
    ceilings: [{ what: "raw bulk upsert", measured: raw }],
    floor: { value: FLOOR_PER_SECOND },
    target: { timesCeiling: TARGET_TIMES_RAW },
  };
}
