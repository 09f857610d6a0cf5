import type { Clock } from "../../../lib/clock.ts";
import type { Log } from "../../../lib/log.ts";
import type { Random } from "../../../lib/random.ts";
import { authorityCommands } from "./authority-commands.ts";
import { MongoAuthority } from "./mongo-authority.ts";
import { MongoBucketStates } from "./mongo-bucket-states.ts";
import { MongoConnection } from "./mongo-connection.ts";
import { MongoModelDocuments } from "./mongo-model-documents.ts";
import { MongoOutbox } from "./mongo-outbox.ts";
import { MongoPurge } from "./mongo-purge.ts";
import { MongoRecords } from "./mongo-records.ts";
import { MongoSettings } from "./mongo-settings.ts";
import { MongoStore } from "./mongo-store.ts";

export interface OpenMongoOptions {
  /** A `mongodb://` or `mongodb+srv://` connection string; its path names the database, else `lockstep`. */
  readonly uri: string;
  /** How long a tombstone or an expired row is kept, milliseconds; default 24 hours. */
  readonly graceMs?: number;
  /** How long a processed outbox event is kept, milliseconds; default 24 hours. */
  readonly retentionMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface OpenedMongo {
  /** Its `close` closes the connection for all of them. */
  readonly store: MongoStore;
  readonly outbox: MongoOutbox;
  readonly authority: MongoAuthority;
  readonly settings: MongoSettings;
  readonly bucketStates: MongoBucketStates;
  readonly purge: MongoPurge;
  readonly records: MongoRecords;
  readonly modelDocuments: MongoModelDocuments;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** All ports of the store on one connection, which the first call makes. Error: CONFIG_INVALID. */
export function openMongo(options: OpenMongoOptions): OpenedMongo {
  const { uri, graceMs = DAY_MS, retentionMs = DAY_MS, clock, random, log } = options;
  const connection = new MongoConnection({ uri, retentionMs, clock, random, log });
  const store = new MongoStore({ connection, clock, graceMs });
  const outbox = new MongoOutbox({ connection, clock, random, log });
  const commands = authorityCommands(connection, graceMs);
  const authority = new MongoAuthority({ commands, store, outbox, clock });
  const settings = new MongoSettings(connection);
  const bucketStates = new MongoBucketStates(connection);
  const purge = new MongoPurge({ connection, clock });
  const records = new MongoRecords({ connection, clock });
  const modelDocuments = new MongoModelDocuments(connection);
  return {
    store,
    outbox,
    authority,
    settings,
    bucketStates,
    purge,
    records,
    modelDocuments,
  };
}
