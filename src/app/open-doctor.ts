import type { CacheFactsPort } from "../cache/cache-facts-port.ts";
import type { Config } from "../config/schema.ts";
import { Doctor } from "../doctor/doctor.ts";
import type { AlertWays } from "../doctor/judge-alerts.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { StoreFactsPort } from "../store/store-facts-port.ts";

interface DoctorSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly nodeVersion: string;
  readonly configWarnings: readonly string[];
}

/** A doctor for the backends that the configuration names; nothing is opened yet. Error: CONFIG_INVALID. */
export async function openDoctor(
  config: Config,
  surroundings: DoctorSurroundings,
): Promise<Doctor> {
  return new Doctor({
    ...surroundings,
    cache: await cacheFacts(config, surroundings),
    store: await storeFacts(config, surroundings),
    alertWays: alertWaysOf(config),
  });
}

const LOOPBACK = /^(localhost|127\..*|\[::1\])$/;

function alertWaysOf(config: Config): AlertWays {
  const { alertWebhookUrl, alertWebhookHeaders, alertSlackUrl, alertEmailTo } = config;
  const { protocol, hostname } = new URL(alertWebhookUrl ?? "https://localhost");
  return {
    webhook: alertWebhookUrl !== undefined,
    isInTheClear:
      protocol === "http:" && !LOOPBACK.test(hostname) && alertWebhookHeaders !== undefined,
    slack: alertSlackUrl !== undefined,
    mailAddresses: alertEmailTo.length,
  };
}

async function cacheFacts(
  { redisUrl, syncTimeoutMs }: Config,
  { clock, log }: DoctorSurroundings,
): Promise<CacheFactsPort | undefined> {
  if (redisUrl === undefined) return undefined;
  const { RedisFacts } = await import("../cache/drivers/redis/redis-facts.ts");
  return new RedisFacts({ url: redisUrl, commandTimeoutMs: syncTimeoutMs, clock, log });
}

async function storeFacts(
  { mongodbUri, sqliteFile }: Config,
  { clock }: DoctorSurroundings,
): Promise<StoreFactsPort> {
  if (mongodbUri === undefined) {
    const { SqliteFileFacts } = await import("../store/drivers/sqlite/sqlite-facts.ts");
    return new SqliteFileFacts(sqliteFile);
  }
  const { MongoServerFacts } = await import("../store/drivers/mongodb/mongo-facts.ts");
  return new MongoServerFacts({ uri: mongodbUri, clock });
}
