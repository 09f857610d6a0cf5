import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import { spoilMongoRow, spoilSqliteRow } from "../support/lockstep/spoil-row.ts";
import {
  onlyDrift,
  type Rows,
  STORM_LIMIT_MS,
  TIGHT,
  verifyThroughStorm,
  type Weather,
} from "../support/lockstep/verified-storm.ts";
import { seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { ServerName } from "../support/servers/found-servers.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";

describeWith(["redis", "mongodb"], "verification in every mode during a storm of writes", () => {
  let mongo: MongoServers;

  beforeAll(async () => {
    mongo = await startMongo();
  });

  afterAll(() => mongo.close());

  it.each<[string, Weather]>([
    ["a Redis with noeviction", { redis: {} }],
    [
      "a Redis with volatile-lru",
      { redis: { args: [...TIGHT, "volatile-lru"] }, evicts: "what is synced" },
    ],
    [
      "a Redis with allkeys-lru",
      { redis: { args: [...TIGHT, "allkeys-lru"] }, evicts: "anything" },
    ],
    ["no Redis", {}],
  ])(
    "names drift and nothing else on MongoDB and %s",
    (beside, weather) =>
      seeded(async (random) => {
        const uri = mongo.uriOf(beside.replaceAll(" ", "-"));
        const variables = { MONGODB_URI: uri };
        const rows: Rows = { variables, spoil: (key) => spoilMongoRow(uri, key) };

        expect(await verifyThroughStorm(random, weather, rows)).toEqual(onlyDrift(weather));
      })(),
    STORM_LIMIT_MS,
  );
});

const onSqlite: readonly {
  readonly title: string;
  readonly servers: readonly ServerName[];
  readonly weather: Weather;
}[] = [
  { title: "SQLite and Redis 6.2", servers: ["redis-6.2"], weather: { redis: { version: "6.2" } } },
  { title: "SQLite alone", servers: [], weather: {} },
];

for (const { title, servers, weather } of onSqlite) {
  describeWith(servers, `verification in every mode during a storm of writes on ${title}`, () => {
    let folder: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "lockstep-storm-"));
    });

    afterEach(() => rm(folder, { recursive: true }));

    it(
      "names drift and nothing else",
      seeded(async (random) => {
        const file = join(folder, "store.db");
        const variables = { LOCKSTEP_SQLITE_FILE: file };
        const rows: Rows = { variables, spoil: (key) => spoilSqliteRow(file, key) };

        expect(await verifyThroughStorm(random, weather, rows)).toEqual(onlyDrift(weather));
      }),
      STORM_LIMIT_MS,
    );
  });
}
