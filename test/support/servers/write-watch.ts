import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import type mongoose from "mongoose";

/** One entry of MongoDB's profiler, as far as it is looked at. */
interface Profiled {
  readonly op: string;
  readonly ns: string;
  readonly command?: Readonly<Record<string, unknown>>;
}

/** Commands that change nothing; what is not among them counts as a write. */
const READS = [
  "find",
  "getMore",
  "aggregate",
  "count",
  "distinct",
  "hello",
  "ping",
  "killCursors",
  "endSessions",
  "listIndexes",
  "listCollections",
  "dbStats",
  "collStats",
  "profile",
];

/** Room for what happens while one watches: where it ran out, the oldest entries would be lost. */
const PROFILE_BYTES = 64 * 1024 * 1024;

/**
 * Sees every command that changes anything on a Redis server, inside scripts too, and in a MongoDB database, whoever
 * sends it, from {@link begin} to {@link end}: the servers themselves tell. So it can show that something only looks.
 * Both servers must be the test's own. Keys that expire by themselves meanwhile are no commands.
 */
export class WriteWatch {
  readonly #client: Redis;
  readonly #monitor: Redis;
  readonly #database: mongoose.mongo.Db;
  readonly #writeNames: ReadonlySet<string>;
  readonly #seen: string[] = [];

  private constructor(parts: {
    readonly client: Redis;
    readonly monitor: Redis;
    readonly database: mongoose.mongo.Db;
    readonly writeNames: ReadonlySet<string>;
  }) {
    this.#client = parts.client;
    this.#monitor = parts.monitor;
    this.#database = parts.database;
    this.#writeNames = parts.writeNames;
    this.#monitor.on("monitor", (_time: string, [name = "", key = ""]: readonly string[]) => {
      if (this.#writeNames.has(name.toLowerCase())) this.#seen.push(`redis ${name} ${key}`);
    });
  }

  static async begin({
    redisUrl,
    database,
  }: {
    readonly redisUrl: string;
    readonly database: mongoose.mongo.Db;
  }): Promise<WriteWatch> {
    const client = new Redis(redisUrl);
    const commands = (await client.call("COMMAND")) as readonly [string, number, string[]][];
    const writes = commands.filter(([, , flags]) => flags.includes("write"));
    const monitor = await client.monitor();
    const profiled = await database.listCollections({ name: "system.profile" }).toArray();
    if (profiled.length === 0)
      await database.createCollection("system.profile", { capped: true, size: PROFILE_BYTES });
    const watch = new WriteWatch({
      client,
      monitor,
      database,
      writeNames: new Set(writes.map(([name]) => name.toLowerCase())),
    });
    await watch.#untilHeard();
    await database.command({ profile: 2 });
    return watch;
  }

  /** What was written, in words: "redis SET user:1", "mongodb update kvshadow". Ends the watch. */
  async end(): Promise<readonly string[]> {
    await this.#database.command({ profile: 0 });
    await this.#untilHeard();
    this.#monitor.disconnect();
    this.#client.disconnect();
    const profile = this.#database.collection("system.profile");
    const entries = (await profile.find().toArray()) as unknown as readonly Profiled[];
    await profile.drop();
    return [...this.#seen, ...entries.filter(isWrite).map(describeEntry)];
  }

  /** The monitor hears in the order in which the server runs: once it has heard this, it has heard all before. */
  async #untilHeard(): Promise<void> {
    const word = randomBytes(8).toString("hex");
    const heard = new Promise<void>((resolve) => {
      this.#monitor.on("monitor", (_time: string, [name, said]: readonly string[]) => {
        if (name?.toLowerCase() === "echo" && said === word) resolve();
      });
    });
    await this.#client.echo(word);
    await heard;
  }
}

function isWrite({ op, command = {} }: Profiled): boolean {
  if (op === "query" || op === "getmore") return false;
  if (op !== "command") return true;
  const stages = Array.isArray(command["pipeline"]) ? (command["pipeline"] as object[]) : [];
  if (stages.some((stage) => "$out" in stage || "$merge" in stage)) return true;
  return !READS.some((name) => name in command);
}

function describeEntry({ op, ns, command = {} }: Profiled): string {
  const what = op === "command" ? (Object.keys(command)[0] ?? op) : op;
  return `mongodb ${what} ${ns.slice(ns.indexOf(".") + 1)}`;
}
