import { setTimeout } from "node:timers/promises";
import { Redis } from "ioredis";
import mongoose from "mongoose";
import type { App } from "../../src/app/app.ts";
import { compose } from "../../src/app/compose.ts";
import { pendingKey } from "../../src/cache/drivers/redis/redis-keys.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { BUCKETS } from "../../src/model/bucket.ts";
import type { Tool } from "../../src/transport/tool.ts";

export type Variables = Readonly<Record<string, string>>;

export interface Receipt {
  readonly version: string;
  readonly durable: "shadow" | "outbox" | "journal";
}

type Ack = "cache" | "durable" | "shadow";

/** The whole server in this process, called as its transports call it, without their parsing. */
export interface OpenServer {
  readonly app: App;
  set(key: string, value: string, ack?: Ack): Promise<Receipt>;
  delete(key: string, ack?: Ack): Promise<Receipt>;
  get(key: string): Promise<{ readonly found: boolean; readonly value: string | null }>;
  run(tool: string, args: object): Promise<object>;
  close(): Promise<void>;
}

const CONTEXT = { signal: new AbortController().signal, progress: () => undefined };

/** Composes and starts it from variables as a user would set them. */
export async function openServer(variables: Variables): Promise<OpenServer> {
  const { config } = parseConfig(variables);
  const environment = { clock: systemClock, random: systemRandom, logger: silentLog };
  const app = await compose(config, environment);
  await app.start();
  const byName = new Map(app.tools.map((tool) => [tool.name, tool]));
  const toolOf = (name: string): Tool => {
    const tool = byName.get(name);
    if (tool === undefined) throw new Error(`There is no tool ${name}.`);
    return tool;
  };
  const [kvSet, kvGet, kvDelete] = [toolOf("kv_set"), toolOf("kv_get"), toolOf("kv_delete")];
  return {
    app,
    set: (key, value, ack = "durable") =>
      kvSet.run({ key, value, ack }, CONTEXT) as Promise<Receipt>,
    delete: (key, ack = "durable") => kvDelete.run({ key, ack }, CONTEXT) as Promise<Receipt>,
    get: (key) => kvGet.run({ key }, CONTEXT) as ReturnType<OpenServer["get"]>,
    run: (tool, args) => toolOf(tool).run(args, CONTEXT),
    close: () => app.close(),
  };
}

/** Looks from outside at what is not in the shadow yet. */
export class BacklogWatch {
  readonly #redis: Redis;
  readonly #mongo: mongoose.mongo.MongoClient;

  constructor({ REDIS_URL = "", MONGODB_URI = "" }: Variables) {
    this.#redis = new Redis(REDIS_URL);
    this.#mongo = new mongoose.mongo.MongoClient(MONGODB_URI);
  }

  async count(): Promise<{ readonly markers: number; readonly events: number }> {
    const counts = await Promise.all(
      Array.from({ length: BUCKETS }, (_, bucket) => this.#redis.zcard(pendingKey(bucket))),
    );
    const markers = counts.reduce((sum, count) => sum + count, 0);
    const events = await this.#mongo.db().collection("outbox").countDocuments({ processed: false });
    return { markers, events };
  }

  /** Resolves when everything has reached the shadow. */
  async untilEmpty({ withinMs = 60_000, everyMs = 10 } = {}): Promise<void> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const { markers, events } = await this.count();
      if (markers + events === 0) return;
      if (performance.now() > deadlineMs) {
        throw new Error(`${markers} markers and ${events} events were left after ${withinMs} ms.`);
      }
      await setTimeout(everyMs);
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await this.#mongo.close();
  }
}
