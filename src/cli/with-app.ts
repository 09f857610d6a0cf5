import type { OperatedApp } from "../app/app.ts";
import { parseConfig } from "../config/parse-config.ts";
import { makeRedactor } from "../config/secrets.ts";
import { systemClock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { systemRandom } from "../lib/random.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CliContext } from "./cli-context.ts";
import { openLogger } from "./open-logger.ts";

/** A backend that hangs while it is closed must not keep the process. */
const CLOSE_LIMIT_MS = 5_000;

/**
 * Runs one operators' command on the composed parts, without the workers of a server. Both sides must answer.
 * Errors: CONFIG_INVALID and the like, CACHE_UNAVAILABLE, STORE_UNAVAILABLE, and those of the work.
 */
export async function withApp<T>(
  { env, isTerminal }: CliContext,
  work: (app: OperatedApp) => Promise<T>,
  /** The least serious lines to log, where the environment does not say it. */
  level = "error",
): Promise<T> {
  const { config } = parseConfig({ LOCKSTEP_LOG_LEVEL: level, ...env });
  const redact = makeRedactor(config);
  const logger = await openLogger({ level: config.logLevel, redact, isTerminal });
  const { compose } = await import("../app/compose.ts");
  const app = await compose(config, { clock: systemClock, random: systemRandom, logger });
  try {
    await app.startLooking();
    const { cache, store } = await app.health();
    if (!store.up) throw new LockstepError("STORE_UNAVAILABLE", `It is down: ${store.cause}.`);
    if (!cache.up) throw new LockstepError("CACHE_UNAVAILABLE", `It is down: ${cache.cause}.`);
    return await work(app);
  } finally {
    await within(systemClock, CLOSE_LIMIT_MS, app.close());
  }
}
