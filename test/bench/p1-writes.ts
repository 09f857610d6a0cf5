import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench } from "./bench-options.ts";
import type { Bound, Figure } from "./figure.ts";
import { mixOf } from "./mix.ts";
import { BacklogWatch, openServer } from "./open-server.ts";
import { inFlight } from "./payload.ts";
import { rawWrites, sendRaw, startBareRedis } from "./raw-writes.ts";
import { alternate, perSecond, type Spread } from "./rounds.ts";

const FLOOR_PER_SECOND = 40_000;
const TARGET_TIMES_SCRIPT = 0.85;
const TARGET_TIMES_SET = 0.6;

const WRITES = 30_000;
const WRITES_SMALL = 1_000;
const IN_FLIGHT = 100;

/**
 * Writes that are acknowledged by the cache, of keys of the usual mix, 100 at once. The store's part goes on behind them
 * and competes for the same processors; in the second case the store is away, so that only the write path and Redis are
 * left. The ceilings send the same writes by the same client: as calls of the same script, and as plain SET. Each round
 * ends when everything is in the shadow.
 */
export const measureWrites: Bench = async (options) => {
  options.say("P1 acknowledged writes");
  const writes = mixOf(options.small ? WRITES_SMALL : WRITES, { seed: 1, writeShare: 1 });
  const redis = await startRedis();
  const bare = await startBareRedis();
  const mongo = await startMongo();
  const variables = { REDIS_URL: redis.url, MONGODB_URI: mongo.uriOf("writes") };
  const server = await openServer(variables);
  const backlog = new BacklogWatch(variables);
  try {
    const calls = rawWrites(bare, writes);
    const spreads = await alternate(options, {
      set: () =>
        perSecond(writes.length, () =>
          inFlight(writes, IN_FLIGHT, ({ key, value }) => bare.client.set(key, value)),
        ),
      script: () =>
        perSecond(calls.length, () =>
          inFlight(calls, IN_FLIGHT, (call) => sendRaw(bare.client, call)),
        ),
      lockstep: async () => {
        const rate = await perSecond(writes.length, () =>
          inFlight(writes, IN_FLIGHT, ({ key, value }) => server.set(key, value, "cache")),
        );
        await backlog.untilEmpty();
        return rate;
      },
    });
    return [
      figureOf("acknowledged by the cache, against the bare script", spreads.lockstep, {
        ceiling: { what: "bare write script", measured: spreads.script },
        target: { timesCeiling: TARGET_TIMES_SCRIPT },
      }),
      figureOf("acknowledged by the cache, against plain SET", spreads.lockstep, {
        ceiling: { what: "plain SET", measured: spreads.set },
        target: { timesCeiling: TARGET_TIMES_SET },
      }),
    ];
  } finally {
    await backlog.close();
    await server.close();
    await mongo.close();
    await bare.close();
    await redis.close();
  }
};

function figureOf(
  what: string,
  measured: Spread,
  { ceiling, target }: { ceiling: Figure["ceilings"][number]; target: Bound },
): Figure {
  return {
    metric: "P1",
    what,
    unit: "writes/s",
    better: "higher",
    measured,
    ceilings: [ceiling],
    floor: { value: FLOOR_PER_SECOND },
    target,
  };
}
