import { once } from "node:events";
import type { MongoMemoryServer } from "mongodb-memory-server";
import mongoose from "mongoose";
import type { GuardedFolder } from "./guarded-folder.ts";

/** An election takes a second. Where processors are short, members miss each other's heartbeats and elect again, for half a minute too; milliseconds. */
const ELECTED_WITHIN_MS = 60_000;

/** One mongod or a replica set. `close` belongs into `afterAll`; the rest is for tests of outages. */
export class MongoServers {
  readonly #members: readonly MongoMemoryServer[];
  readonly #hosts: readonly string[];
  readonly #replicaSet: string | undefined;
  readonly #folder: GuardedFolder;

  private constructor(
    members: readonly MongoMemoryServer[],
    replicaSet: string | undefined,
    folder: GuardedFolder,
  ) {
    this.#members = members;
    this.#hosts = members.map((member) => `127.0.0.1:${member.instanceInfo?.port}`);
    this.#replicaSet = replicaSet;
    this.#folder = folder;
  }

  /** Takes charge of started members and waits until they take writes. */
  static async take(
    members: readonly MongoMemoryServer[],
    replicaSet: string | undefined,
    folder: GuardedFolder,
  ): Promise<MongoServers> {
    const servers = new MongoServers(members, replicaSet, folder);
    await servers.#untilWritable();
    return servers;
  }

  /** Connection string without a database. The same while stopped, and after a restart. */
  get uri(): string {
    return this.uriOf("");
  }

  /** Connection string with `database` in its path. */
  uriOf(database: string): string {
    const query = this.#replicaSet === undefined ? "" : `?replicaSet=${this.#replicaSet}`;
    return `mongodb://${this.#hosts.join(",")}/${database}${query}`;
  }

  /** Process ids of the members that run, in the order of `uri`. */
  get pids(): number[] {
    return this.#members.flatMap((member) => processOf(member)?.pid ?? []);
  }

  /** Shuts all members down in good order; ports and data stay for `start`. */
  async stop(): Promise<void> {
    // A member stopped by SIGSTOP would not hear the request.
    for (const member of this.#members) processOf(member)?.kill("SIGCONT");
    await Promise.all(this.#members.map((member) => member.stop({ doCleanup: false })));
    this.#folder.guardOnly([]);
  }

  /** Starts the members that do not run, with the same ports and data, until writes are taken. */
  async start(): Promise<void> {
    const down = this.#members.filter((member) => processOf(member) === undefined);
    await Promise.all(
      down.map(async (member) => {
        await member.stop({ doCleanup: false });
        await member.start(true);
      }),
    );
    await this.#untilWritable();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /**
   * Sends a signal to all members or to the primary, and waits for the end of the process unless
   * the signal is a pause or its end. What was killed comes back with `start`.
   */
  async kill(signal: NodeJS.Signals = "SIGKILL", whom: "all" | "primary" = "all"): Promise<void> {
    const isPause = signal === "SIGSTOP" || signal === "SIGCONT";
    const primary = whom === "primary" ? await this.primary() : undefined;
    const hit = this.#members.filter(
      (_, index) => primary === undefined || this.#hosts[index] === primary,
    );
    await Promise.all(
      hit.map(async (member) => {
        const running = processOf(member);
        if (running === undefined) return;
        const exited = isPause ? undefined : once(running, "exit");
        running.kill(signal);
        await exited;
      }),
    );
    this.#folder.guardOnly(this.pids);
  }

  /** Host and port of the member that takes writes; waits for an election under way. */
  async primary(): Promise<string> {
    if (this.#replicaSet === undefined) return this.#hosts[0]!;
    const client = new mongoose.mongo.MongoClient(this.uri, {
      serverSelectionTimeoutMS: ELECTED_WITHIN_MS,
    });
    try {
      const hello = await client.db("admin").command({ hello: 1 });
      return String(hello["primary"]);
    } finally {
      await client.close();
    }
  }

  /** Ends all members and removes their data. */
  async close(): Promise<void> {
    await this.stop();
    await this.#folder.remove();
  }

  async #untilWritable(): Promise<void> {
    this.#folder.guardOnly(this.pids);
    await this.primary();
  }
}

function processOf(member: MongoMemoryServer) {
  const running = member.instanceInfo?.instance.mongodProcess;
  return running?.exitCode === null && running.signalCode === null ? running : undefined;
}
