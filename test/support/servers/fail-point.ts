import mongoose from "mongoose";
import type { MongoServers } from "./mongo-servers.ts";

/** For `startMongo`: lets a test make single commands slow or fail. */
export const allowFailPoints = ["--setParameter", "enableTestCommands=1"] as const;

export interface Fault {
  /** Commands by their name in the protocol: update, insert, find. */
  readonly commands: readonly string[];
  /** Only those on this collection: database and name with a dot between. Without it, on all. */
  readonly namespace?: string;
  /** How often; without it, until the fault is lifted. */
  readonly times?: number;
  /** Waits so long before the command is carried out, milliseconds. */
  readonly delayMs?: number;
  /** Refuses the command with this code of the server: 96 (OperationFailed) leaves the connections alone. */
  readonly errorCode?: number;
}

/** Makes commands of Lockstep's own connections slow or fail; the tests' other clients are not hit. */
export class FailPoint {
  readonly #client: mongoose.mongo.MongoClient;

  /** `servers` must have been started with {@link allowFailPoints}. */
  constructor(servers: MongoServers) {
    this.#client = new mongoose.mongo.MongoClient(servers.uri);
  }

  /** Replaces the fault before it. */
  async set({ commands, namespace, times, delayMs, errorCode }: Fault): Promise<void> {
    await this.#client.db("admin").command({
      configureFailPoint: "failCommand",
      mode: times === undefined ? "alwaysOn" : { times },
      data: {
        appName: "lockstep",
        failCommands: commands,
        ...(namespace === undefined ? {} : { namespace }),
        ...(delayMs === undefined ? {} : { blockConnection: true, blockTimeMS: delayMs }),
        ...(errorCode === undefined ? {} : { errorCode }),
      },
    });
  }

  /** A command that is being delayed goes on being delayed. */
  async lift(): Promise<void> {
    await this.#client.db("admin").command({ configureFailPoint: "failCommand", mode: "off" });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
