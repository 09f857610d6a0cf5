import { SeededRandom } from "../support/seeded-random.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench, BenchOptions } from "./bench-options.ts";
import type { Figure } from "./figure.ts";
import { fillPlace } from "./fill-place.ts";
import { BacklogWatch, type OpenServer, openServer } from "./open-server.ts";
import { inFlight, keyOf, valueOf } from "./payload.ts";
import { alternate, perSecond } from "./rounds.ts";
import { verifyAll } from "./verify-all.ts";

const FLOOR_TIMES_FEWEST = 1 / 2;
const TARGET_TIMES_FEWEST = 0.83;

const SIZES = [10_000, 100_000, 1_000_000];
const SIZES_SMALL = [500, 1_000, 2_000];
const WRITES = 20_000;
const WRITES_SMALL = 500;
const IN_FLIGHT = 100;
const VALUE_BYTES = 200;

/** A server and how many keys it has. */
interface Stage {
  readonly keys: number;
  readonly server: OpenServer;
  readonly backlog: BacklogWatch;
}

/**
 * What might suffer from the number of keys: acknowledged writes of keys that chance picks out of all (P1), the same until
 * MongoDB has everything (P4), and a full pass (P6). Three servers, each with a database in the same Redis and one in the
 * same MongoDB, take turns; the figure of the fewest keys is the ceiling of the others.
 */
export const measureGrowth: Bench = async (options) => {
  const sizes = options.small ? SIZES_SMALL : SIZES;
  const redis = await startRedis();
  const mongo = await startMongo();
  const stages: Stage[] = [];
  try {
    for (const [index, keys] of sizes.entries()) {
      options.say(`P13 filling ${keys.toLocaleString("en")} keys`);
      const place = { uri: mongo.uriOf(`growth-${keys}`), redisUrl: `${redis.url}/${index}` };
      await fillPlace(place, keys);
      const variables = { REDIS_URL: place.redisUrl, MONGODB_URI: place.uri };
      const server = await openServer(variables);
      stages.push({ keys, server, backlog: new BacklogWatch(variables) });
    }
    const acknowledged = await figuresOf(stages, options, {
      what: "writes that the cache acknowledges",
      unit: "writes/s",
      round: async (stage) => {
        const writes = writesFor(stage, options);
        const rate = await perSecond(writes.length, () => send(writes, stage));
        await stage.backlog.untilEmpty();
        return rate;
      },
    });
    const delivered = await figuresOf(stages, options, {
      what: "writes until MongoDB has them",
      unit: "writes/s",
      round: (stage) => {
        const writes = writesFor(stage, options);
        return perSecond(writes.length, async () => {
          await send(writes, stage);
          await stage.backlog.untilEmpty();
        });
      },
    });
    const verified = await figuresOf(stages, options, {
      what: "full pass",
      unit: "keys/s",
      round: ({ server, keys }) => verifyAll(server, keys, { contents: true }),
    });
    return [...acknowledged, ...delivered, ...verified];
  } finally {
    for (const { server, backlog } of stages) {
      await backlog.close();
      await server.close();
    }
    await mongo.close();
    await redis.close();
  }
};

interface Measured {
  readonly what: string;
  readonly unit: Figure["unit"];
  readonly round: (stage: Stage) => Promise<number>;
}

async function figuresOf(
  stages: readonly Stage[],
  options: BenchOptions,
  { what, unit, round }: Measured,
): Promise<Figure[]> {
  options.say(`P13 ${what}`);
  const sizes = stages.map(({ keys }) => keys.toLocaleString("en"));
  const spreads = await alternate(
    options,
    Object.fromEntries(stages.map((stage, index) => [sizes[index], () => round(stage)])),
  );
  const [fewest = "", ...more] = sizes;
  return more.map((size) => ({
    metric: "P13",
    what: `${what}, ${size} keys`,
    unit,
    better: "higher",
    measured: spreads[size]!,
    ceilings: [{ what: `${fewest} keys`, measured: spreads[fewest]! }],
    floor: { timesCeiling: FLOOR_TIMES_FEWEST },
    target: { timesCeiling: TARGET_TIMES_FEWEST },
  }));
}

interface Write {
  readonly key: string;
  readonly value: string;
}

/** Of keys that chance picks; made beforehand, so that their making is not measured. */
function writesFor({ keys }: Stage, { small }: BenchOptions): readonly Write[] {
  const random = new SeededRandom(13);
  return Array.from({ length: small ? WRITES_SMALL : WRITES }, () => ({
    key: keyOf(Math.floor(random.fraction() * keys)),
    value: valueOf(random, VALUE_BYTES),
  }));
}

function send(writes: readonly Write[], { server }: Stage): Promise<void> {
  return inFlight(writes, IN_FLIGHT, ({ key, value }) => server.set(key, value, "cache"));
}
