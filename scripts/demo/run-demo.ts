import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { App } from "../../src/app/app.ts";
import { compose } from "../../src/app/compose.ts";
import { MemoryCache } from "../../src/cache/drivers/memory/memory-cache.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { Config } from "../../src/config/schema.ts";
import { makeRedactor } from "../../src/config/secrets.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { Closers } from "../../src/lib/closers.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { CannotRun } from "./cannot-run.ts";
import { KEY_PREFIX, readMediaTypes } from "./media-types.ts";
import { memoryHand } from "./memory-hand.ts";
import type { OutsideHand } from "./outside-hand.ts";
import { tellStory } from "./story.ts";
import { ToolClient } from "./tool-client.ts";

export interface DemoContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Only removes what an interrupted demonstration may have left on real servers. */
  readonly onlyClean: boolean;
  readonly stop: AbortSignal;
  readonly print: (line: string) => void;
  readonly progress: (line: string) => void;
}

/**
 * Runs the demonstration on the servers that REDIS_URL and MONGODB_URI name, else on a temporary folder, and takes all
 * of it away again, however it ends. Answers what did not go as expected.
 */
export async function runDemo(context: DemoContext): Promise<readonly string[]> {
  const { env, print } = context;
  const closers = new Closers();
  try {
    const folder = await mkdtemp(join(tmpdir(), "lockstep-demo-"));
    closers.push("folder", () => rm(folder, { recursive: true }));
    // No other setting reaches the demonstration, so it can neither meet other data nor be bent out of shape.
    const { config } = parseConfig({
      REDIS_URL: env["REDIS_URL"],
      MONGODB_URI: env["MONGODB_URI"],
      LOCKSTEP_SQLITE_FILE: join(folder, "demo.db"),
    });
    return await demonstrate(config, context, closers);
  } finally {
    for (const { name, error } of await closers.closeAll()) {
      print(`Could not clean up (${name}): ${String(error)}`);
    }
  }
}

async function demonstrate(
  config: Config,
  context: DemoContext,
  closers: Closers,
): Promise<readonly string[]> {
  const { onlyClean, stop, print, progress } = context;
  const { source, records } = readMediaTypes();
  const keys = records.map(({ key }) => key);
  const copyCache = new MemoryCache({
    clock: systemClock,
    random: systemRandom,
    maxBytes: config.cacheMaxMb * 1024 * 1024,
  });
  const cacheHand = await openCacheHand(config, copyCache);
  closers.push("cache connection", () => cacheHand.close());
  const storeHand = await openStoreHand(config);
  closers.push("store connection", () => storeHand.close());

  if (!onlyClean) await insistOnRoom([cacheHand, storeHand], keys);
  closers.push("keys in the store", () => storeHand.remove(keys));
  closers.push("keys in the cache", () => cacheHand.remove(keys));
  if (onlyClean) return [];
  await Promise.all([cacheHand.begin(), storeHand.begin()]);

  const environment = {
    clock: systemClock,
    random: systemRandom,
    logger: silentLog,
    copyCache,
  };
  const app = await compose(config, environment);
  closers.push("server", () => app.close());
  await app.start();
  await insistOnHealth(app);

  print(`Lockstep: ${records.length.toLocaleString("en")} media types of ${source}, a key each`);
  print(`  cache    ${app.backends.cache}`);
  print(`  store    ${app.backends.store}\n`);
  const client = new ToolClient(
    {
      tools: app.tools,
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
      callTimeoutMs: config.callTimeoutMs,
      redact: makeRedactor(config),
    },
    stop,
  );
  return tellStory({ client, records, cacheHand, storeHand, print, progress });
}

async function openCacheHand({ redisUrl }: Config, cache: MemoryCache): Promise<OutsideHand> {
  if (redisUrl === undefined) return memoryHand(cache);
  const { openRedisHand } = await import("./redis-hand.ts");
  return openRedisHand(redisUrl);
}

async function openStoreHand({ mongodbUri, sqliteFile }: Config): Promise<OutsideHand> {
  if (mongodbUri === undefined) {
    const { sqliteHand } = await import("./sqlite-hand.ts");
    return sqliteHand(sqliteFile);
  }
  const { openMongoHand } = await import("./mongo-hand.ts");
  return openMongoHand(mongodbUri);
}

/** Keys that are there already may be somebody's, and would be overwritten and removed. */
async function insistOnRoom(hands: readonly OutsideHand[], keys: readonly string[]): Promise<void> {
  const standing = await Promise.all(hands.map((hand) => hand.countStanding(keys)));
  if (standing.every((count) => count === 0)) return;
  throw new CannotRun(
    `There are keys under ${KEY_PREFIX} already. If an interrupted demonstration left them, npm run demo -- --clean removes them.`,
  );
}

async function insistOnHealth(app: App): Promise<void> {
  const { ready, cache, store } = await app.health();
  if (ready) return;
  const causes = [cache, store]
    .filter(({ up }) => !up)
    .map(({ kind, cause }) => `${kind}: ${cause}`);
  throw new CannotRun(causes.join("; "));
}
