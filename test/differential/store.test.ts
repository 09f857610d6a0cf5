import { afterAll, beforeAll, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { describeWith } from "../support/servers/describe-with.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { startMongo } from "../support/servers/start-mongo.ts";
import { compareStreams, seedsOr } from "./compare-streams.ts";
import { openMongoSubject, openSqliteSubject } from "./open-stores.ts";
import { planStoreStream } from "./store-stream.ts";
import { StoreSubject } from "./store-subject.ts";

const SEEDS = seedsOr(3);

const KINDS = [
  { name: "MongoDB, standalone", replicaSet: 0 },
  { name: "MongoDB, a replica set of one", replicaSet: 1 },
] as const;

for (const { name, replicaSet } of KINDS) {
  describeWith(["mongodb"], `SQLite and ${name}`, () => {
    let servers: MongoServers;
    let emptier: mongoose.mongo.MongoClient;
    beforeAll(async () => {
      servers = await startMongo({ replicaSet });
      emptier = new mongoose.mongo.MongoClient(servers.uri);
    });
    afterAll(async () => {
      await emptier.close();
      await servers.close();
    });

    it(
      "answer alike, and hold the same after every step",
      async () => {
        const database = "differential";
        const compared = compareStreams(SEEDS, {
          plan: planStoreStream,
          open: async (_setting, seed) => [
            new StoreSubject("SQLite", await openSqliteSubject(seed)),
            new StoreSubject(
              name,
              await openMongoSubject(servers.uriOf(database), emptier.db(database)),
            ),
          ],
        });

        await expect(compared).resolves.toBeUndefined();
      },
      60_000 + SEEDS * 20_000,
    );
  });
}
