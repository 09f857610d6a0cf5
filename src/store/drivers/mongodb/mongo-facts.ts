import mongoose, { type mongo } from "mongoose";
import type { Clock } from "../../../lib/clock.ts";
import { readClock } from "../../../lib/clock-reading.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { MongoFacts, StoreFactsPort } from "../../store-facts-port.ts";
import { OUTBOX, stateOf } from "./collections.ts";
import { type ConnectionString, parseConnectionString } from "./connection-string.ts";
import { INDEXES, RETENTION_KEY } from "./indexes.ts";
import { CLIENT_OPTIONS, GUARANTEES, isRouter } from "./mongo-connection.ts";
import { isMongoFailure, storeUnavailable } from "./mongo-errors.ts";
import { type Privilege, refusedActions } from "./needed-actions.ts";
import { SCHEMA_VERSION, type StoreDocument } from "./prepare-database.ts";

/** Where the database or the collection is not there yet. */
const NAMESPACE_NOT_FOUND = 26;

/** Looks at a MongoDB on a connection of its own, with commands that only read. */
export class MongoServerFacts implements StoreFactsPort {
  readonly #target: ConnectionString;
  readonly #clock: Clock;

  /** Sends nothing yet. Error: CONFIG_INVALID. */
  constructor({ uri, clock }: { readonly uri: string; readonly clock: Clock }) {
    this.#target = parseConnectionString(uri);
    this.#clock = clock;
  }

  async gather(): Promise<MongoFacts> {
    const connection = mongoose.createConnection(this.#target.uri, CLIENT_OPTIONS);
    try {
      await connection.asPromise();
      const client = connection.getClient();
      return await this.#look(client.db(this.#target.databaseName, GUARANTEES));
    } catch (error) {
      if (isMongoFailure(error)) throw storeUnavailable("look at it", error, this.#target.redact);
      throw error;
    } finally {
      await connection.destroy();
    }
  }

  async close(): Promise<void> {
    // Every look connects and disconnects again.
  }

  async #look(database: mongo.Db): Promise<MongoFacts> {
    const hello = await database.command({ hello: 1 });
    const build = await database.command({ buildInfo: 1 });
    const made = await stateOf<StoreDocument>(database).findOne({ _id: "store" });
    if (made !== null && made.schemaVersion > SCHEMA_VERSION) {
      throw new LockstepError(
        "SCHEMA_TOO_NEW",
        `The store has schema ${made.schemaVersion}; this release knows ${SCHEMA_VERSION}.`,
      );
    }
    return {
      kind: "mongodb",
      database: this.#target.databaseName,
      version: typeof build["version"] === "string" ? build["version"] : undefined,
      storeId: made?.storeId,
      topology: topologyOf(hello),
      missingIndexes: made === null ? [] : await missingIndexes(database),
      refusedActions: await refused(database),
      clock: await readClock(this.#clock, async () => timeOf(await database.command({ hello: 1 }))),
    };
  }
}

function topologyOf(hello: mongo.Document): MongoFacts["topology"] {
  if (isRouter(hello)) return "sharded cluster";
  return hello["setName"] === undefined ? "standalone" : "replica set";
}

function timeOf(hello: mongo.Document): number {
  return (hello["localTime"] as Date).getTime();
}

async function missingIndexes(database: mongo.Db): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const [collection, indexes] of Object.entries(INDEXES)) {
    const there = await indexKeys(database, collection);
    const needed = indexes.map(({ key }) => JSON.stringify(key));
    if (collection === OUTBOX) needed.push(JSON.stringify(RETENTION_KEY));
    for (const key of needed) if (!there.has(key)) missing.push(`${collection}: ${key}`);
  }
  return missing;
}

async function indexKeys(database: mongo.Db, collection: string): Promise<ReadonlySet<string>> {
  try {
    const indexes = await database.collection(collection).indexes();
    return new Set(indexes.map(({ key }) => JSON.stringify(key)));
  } catch (error) {
    const { MongoServerError } = mongoose.mongo;
    if (error instanceof MongoServerError && error.code === NAMESPACE_NOT_FOUND) return new Set();
    throw error;
  }
}

/** A server that asks for no user allows everything. */
async function refused(database: mongo.Db): Promise<readonly string[]> {
  const status = await database.command({ connectionStatus: 1, showPrivileges: true });
  const { authenticatedUsers, authenticatedUserPrivileges } = status["authInfo"] as {
    readonly authenticatedUsers: readonly unknown[];
    readonly authenticatedUserPrivileges: readonly Privilege[];
  };
  if (authenticatedUsers.length === 0) return [];
  return refusedActions(database.databaseName, authenticatedUserPrivileges);
}
