import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import { AccountsApp, type Bug } from "./accounts-app.ts";
import { type Draw, makeDocuments } from "./documents.ts";
import { runTraffic } from "./traffic.ts";

const USAGE = `npm run example:accounts -- [--users 3000] [--bug bypass] [--writes 300] [--seed 1]

Fills the MongoDB that MONGODB_URI names and the Redis that REDIS_URL names with the documents of a small application,
then writes to them. REPLACES the collections users, sessions and settings of that database.

  --bug     what the application does wrong: none, bypass, lost-invalidation or race (default bypass)
  --users   how many users there are (default 3000)
  --writes  how many documents are written (default 300)
  --seed    draws other documents and writes (default 1)`;

const BUGS: readonly string[] = ["none", "bypass", "lost-invalidation", "race"] satisfies Bug[];

process.exitCode = await main();

async function main(): Promise<number> {
  const { values: given } = parseArgs({
    options: {
      bug: { type: "string", default: "bypass" },
      users: { type: "string", default: "3000" },
      writes: { type: "string", default: "300" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  const [users, writes, seed] = [given.users, given.writes, given.seed].map(Number) as [
    number,
    number,
    number,
  ];
  const { REDIS_URL: redisUrl, MONGODB_URI: mongodbUri } = process.env;
  const isUsable = BUGS.includes(given.bug) && [users, writes, seed].every(Number.isInteger);
  if (given.help || !isUsable || redisUrl === undefined || mongodbUri === undefined) {
    console.log(USAGE);
    return given.help ? 0 : 2;
  }
  const connection = await mongoose.createConnection(mongodbUri).asPromise();
  const redis = new Redis(redisUrl);
  try {
    const app = new AccountsApp(connection, redis);
    const draw = drawFrom(seed);
    const documents = makeDocuments(draw, { users });
    await app.seed(documents);
    app.bug = given.bug as Bug;
    const written = await runTraffic(app, documents, { draw, writes });
    const counts = Object.entries(written).map(([what, ids]) => `${ids.length} ${what}`);
    console.log(`Wrote ${counts.join(", ")} with the bug ${given.bug}. Now ask Lockstep:`);
    console.log("  lockstep check_cache_consistency sampleSize=1000");
    console.log("  lockstep reconcile_cache --check-only");
    return 0;
  } finally {
    redis.disconnect();
    await connection.close();
  }
}

/** The same seed gives the same sequence: digests of its numbers, one after the other. */
function drawFrom(seed: number): Draw {
  let count = 0;
  return () => {
    count += 1;
    return createHash("sha256").update(`${seed} ${count}`).digest().readUIntBE(0, 6) / 2 ** 48;
  };
}
