import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import type { MongoServers } from "../servers/mongo-servers.ts";
import { findOnPath } from "../servers/program.ts";
import { startMongo } from "../servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../servers/start-redis.ts";

/** The Redis and MongoDB of a page, with what a reader looks into them with. */
export class ReadmeServers {
  readonly #redis: RedisServer;
  readonly #mongo: MongoServers;
  readonly #client: mongoose.mongo.MongoClient;

  private constructor(redis: RedisServer, mongo: MongoServers) {
    this.#redis = redis;
    this.#mongo = mongo;
    this.#client = new mongoose.mongo.MongoClient(mongo.uriOf("lockstep"));
  }

  static async start(): Promise<ReadmeServers> {
    return new ReadmeServers(...(await Promise.all([startRedis(), startMongo()])));
  }

  get redisAddress(): string {
    return new URL(this.#redis.url).host;
  }

  get mongoAddress(): string {
    return new URL(this.#mongo.uri).host;
  }

  /** Runs `redis-cli <words>` on this Redis. Where the program is missing, the client library sends the same words. */
  async redisCli(command: string): Promise<string> {
    const words = command.split(" ").slice(1);
    const program = await findOnPath(["redis-cli", "valkey-cli"]);
    if (program !== undefined) {
      const args = ["-p", String(this.#redis.port), ...words];
      return (await promisify(execFile)(program, args)).stdout;
    }
    const redis = new Redis(this.#redis.url);
    try {
      return `${String(await redis.call(words[0]!, ...words.slice(1)))}\n`;
    } finally {
      redis.disconnect();
    }
  }

  /**
   * Runs a query as typed into mongosh, which no package carries: `db` stands for the driver, whose `findOne` and `find`
   * mean the same. Collections are found by name, and a cursor is read to its end, as mongosh does it.
   */
  async query(text: string): Promise<unknown> {
    const database = this.#client.db();
    const db = new Proxy({}, { get: (_target, name) => database.collection(String(name)) });
    const result = runInNewContext(text, { db }) as Promise<unknown> | mongoose.mongo.FindCursor;
    return "toArray" in result ? result.toArray() : result;
  }

  async close(): Promise<void> {
    await this.#client.close();
    await Promise.all([this.#redis.close(), this.#mongo.close()]);
  }
}
