import mongoose, { type mongo } from "mongoose";
import type { Clock } from "../../../lib/clock.ts";
import { within } from "../../../lib/deadline.ts";
import type { Log } from "../../../lib/log.ts";
import type { Random } from "../../../lib/random.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { lifeLeftMs, type StatementLife } from "../../statement-life.ts";
import { type ConnectionString, parseConnectionString } from "./connection-string.ts";
import {
  documentRefused,
  isExpired,
  isMongoFailure,
  isRefusal,
  mayHaveHappened,
  storeUnavailable,
  unknownOutcome,
  writeExpired,
} from "./mongo-errors.ts";
import { prepareDatabase } from "./prepare-database.ts";
import { ServerClock } from "./server-clock.ts";

export interface MongoConnectionOptions {
  /** A `mongodb://` or `mongodb+srv://` connection string; its path names the database, else `lockstep`. */
  readonly uri: string;
  /** How long a processed outbox event is kept, milliseconds; MongoDB counts in seconds. */
  readonly retentionMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How long `close` waits for calls in flight: about what a call may take while MongoDB is well. */
const FLUSH_MS = 2_000;

/** Whichever of these the connection string sets otherwise: what we promise does not depend on it. */
export const GUARANTEES: mongo.DbOptions = {
  readPreference: "primary",
  readConcern: new mongoose.mongo.ReadConcern("majority"),
  writeConcern: { w: "majority", j: true },
};

/** The driver's defaults wait 30 seconds for a server and for ever for a connection or an answer. */
export const CLIENT_OPTIONS: mongoose.ConnectOptions = {
  appName: "lockstep",
  // Here too, as connecting already looks for a server by it.
  readPreference: "primary",
  maxPoolSize: 10,
  minPoolSize: 1,
  waitQueueTimeoutMS: 2_000,
  // Shorter than the 2 s that a direct write may take: where nobody listens, the caller then hears that the write did
  // not happen, and not that nobody knows.
  serverSelectionTimeoutMS: 1_500,
  connectTimeoutMS: 5_000,
  socketTimeoutMS: 20_000,
  // A row that another hand broke is shown with replacement characters, not refused with its whole page.
  enableUtf8Validation: false,
  bufferCommands: false,
  autoIndex: false,
  autoCreate: false,
};

/**
 * The one connection to MongoDB. It begins unconnected; a call connects, several calls at once do so
 * together, and after a failure the next call tries again. Once connected, the driver's own monitoring
 * reconnects, and calls during an outage fail within about two seconds.
 */
export class MongoConnection {
  readonly #target: ConnectionString;
  readonly #options: MongoConnectionOptions;
  readonly #serverClock: ServerClock;
  #opened: Opened | undefined;
  #opening: Promise<Opened> | undefined;
  #closed = false;
  readonly #running = new Set<Promise<unknown>>();

  /** Sends nothing yet. Error: CONFIG_INVALID. */
  constructor(options: MongoConnectionOptions) {
    this.#target = parseConnectionString(options.uri);
    this.#options = options;
    this.#serverClock = new ServerClock(options.clock);
  }

  /**
   * Runs `work`, whose only awaits are the driver's, and translates the driver's failures;
   * `action` names it in the error. Errors: STORE_UNAVAILABLE, SCHEMA_TOO_NEW.
   */
  async call<T>(action: string, work: (database: mongo.Db) => Promise<T>): Promise<T> {
    return this.#run(action, work, storeUnavailable);
  }

  /**
   * The same for one write command, sent with `database.command` so that the driver does not repeat it.
   * Errors: STORE_UNAVAILABLE where it surely did not happen, DOCUMENT_REFUSED where this server will not take it,
   * WRITE_EXPIRED where it came too late,
   * UNKNOWN_OUTCOME where the answer was lost.
   */
  async callOnce<T>(action: string, work: (database: mongo.Db) => Promise<T>): Promise<T> {
    return this.#run(action, work, (failed, error, redact) => {
      if (isExpired(error)) return writeExpired(failed, error);
      if (isRefusal(error)) return documentRefused(failed, error, redact);
      return mayHaveHappened(error)
        ? unknownOutcome(failed, error, redact)
        : storeUnavailable(failed, error, redact);
    });
  }

  /**
   * The same for a write that a server must not carry out once its life is over; `until` is the end of it in the server's
   * time. Error also: WRITE_EXPIRED.
   */
  async callWhileAlive<T>(
    action: string,
    life: StatementLife,
    work: (database: mongo.Db, until: Date) => Promise<T>,
  ): Promise<T> {
    for (let isAgain = false; ; isAgain = true) {
      // Before the look at the life, since connecting takes its time.
      await this.#open();
      const until = this.#serverClock.inMs(lifeLeftMs(life, this.#options.clock));
      try {
        return await this.callOnce(action, (database) => work(database, until));
      } catch (error) {
        // The server's clock may have been set, or this machine may have slept: by the right time there may be some left.
        if (isAgain || LockstepError.codeOf(error) !== "WRITE_EXPIRED") throw error;
      }
      const hello = await this.call("ask for the time", (database) =>
        database.command({ hello: 1 }),
      );
      this.#serverClock.heard(hello["localTime"]);
    }
  }

  /** Made once by whichever process comes first. Error: STORE_UNAVAILABLE. */
  async storeId(): Promise<string> {
    return (await this.#open()).storeId;
  }

  /**
   * Whether another server could be primary without this one knowing yet, so that a read must ask for
   * linearizable. A set with one candidate has no other, and there such a read would wait for
   * the server's next journal flush (100 ms measured, against 0.6 ms).
   */
  async primaryMayMove(): Promise<boolean> {
    return (await this.#open()).primaryMayMove;
  }

  /** Lets calls in flight end, at most about two seconds; later calls fail with STORE_UNAVAILABLE. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#opening?.catch(() => undefined);
    await within(this.#options.clock, FLUSH_MS, Promise.allSettled(this.#running));
    await this.#opened?.connection.destroy();
    this.#opened = undefined;
  }

  async #run<T>(
    action: string,
    work: (database: mongo.Db) => Promise<T>,
    translate: typeof storeUnavailable,
  ): Promise<T> {
    const { database } = await this.#open();
    const running = work(database);
    this.#running.add(running);
    try {
      return await running;
    } catch (error) {
      throw isMongoFailure(error) ? translate(action, error, this.#target.redact) : error;
    } finally {
      this.#running.delete(running);
    }
  }

  async #open(): Promise<Opened> {
    if (this.#closed) throw new LockstepError("STORE_UNAVAILABLE", "The store has been closed.");
    if (this.#opened !== undefined) return this.#opened;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #connect(): Promise<Opened> {
    const connection = mongoose.createConnection(this.#target.uri, CLIENT_OPTIONS);
    try {
      // Everything in here is the driver's: also what it throws for a missing certificate file.
      await connection.asPromise().catch((error: unknown) => {
        throw storeUnavailable("connect", asError(error), this.#target.redact);
      });
      this.#opened = await this.#prepare(connection);
      return this.#opened;
    } catch (error) {
      // The driver would go on watching the servers of a connection that nobody uses.
      await connection.destroy();
      throw isMongoFailure(error) ? storeUnavailable("prepare", error, this.#target.redact) : error;
    }
  }

  async #prepare(connection: mongoose.Connection): Promise<Opened> {
    const { retentionMs, random, log } = this.#options;
    const client = connection.getClient();
    const database = client.db(this.#target.databaseName, GUARANTEES);
    const hello = await database.command({ hello: 1 });
    this.#serverClock.heard(hello["localTime"]);
    client.on("serverHeartbeatSucceeded", ({ reply }) => {
      // What writes are judged by is the clock of the member that takes them.
      if (reply["isWritablePrimary"] === true) this.#serverClock.heard(reply["localTime"]);
    });
    const storeId = await prepareDatabase(database, { random, retentionMs });
    const opened: Opened = {
      connection,
      database,
      storeId,
      primaryMayMove: isRouter(hello) || countCandidates(hello) > 1,
    };
    client.on("topologyDescriptionChanged", ({ newDescription }) => {
      // A server that does not answer has no say; until one does, the last answer stands.
      const seen = [...newDescription.servers.values()].filter(({ type }) => type !== "Unknown");
      if (seen.length === 0) return;
      opened.primaryMayMove = seen.some(
        (server) =>
          server.type === "Mongos" || server.type === "LoadBalancer" || server.hosts.length > 1,
      );
    });
    log.info({ database: this.#target.databaseName, storeId }, "Connected to MongoDB.");
    return opened;
  }
}

interface Opened {
  readonly connection: mongoose.Connection;
  readonly database: mongo.Db;
  readonly storeId: string;
  primaryMayMove: boolean;
}

export function isRouter(hello: mongo.Document): boolean {
  return hello["msg"] === "isdbgrid";
}

/** `hosts` lists the members that may become primary; a standalone has no such field. */
function countCandidates(hello: mongo.Document): number {
  const hosts: unknown = hello["hosts"];
  return Array.isArray(hosts) ? hosts.length : 1;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
