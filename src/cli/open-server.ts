import type { Logger } from "pino";
import type { App } from "../app/app.ts";
import { parseConfig } from "../config/parse-config.ts";
import type { Config } from "../config/schema.ts";
import { makeRedactor } from "../config/secrets.ts";
import { systemClock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { systemRandom } from "../lib/random.ts";
import { Envelope } from "../transport/envelope.ts";
import type { CliContext } from "./cli-context.ts";
import { openLogger } from "./open-logger.ts";

/** Everything a transport needs, composed from the environment and started. */
export interface OpenServer {
  readonly config: Config;
  readonly app: App;
  readonly envelope: Envelope;
  readonly log: Logger;
  readonly clock: typeof systemClock;
  readonly random: typeof systemRandom;
  readonly redact: (text: string) => string;
  /** Stops the workers and closes the backends. */
  readonly close: () => Promise<void>;
}

/** A backend that hangs while it is closed must not keep the process. */
const closeLimitMs = 5_000;

/** Errors: those of parseConfig, compose and App.start; whatever was opened before one of them is closed again. */
export async function openServer(context: CliContext): Promise<OpenServer> {
  const { env, isTerminal } = context;
  const composing = import("../app/compose.ts");
  const { config, warnings } = parseConfig(env);
  const redact = makeRedactor(config);
  const log = await openLogger({ level: config.logLevel, redact, isTerminal });
  for (const warning of warnings) log.warn(warning);

  process.on("uncaughtException", (error) => {
    log.fatal({ err: error }, "Lockstep ends after an unexpected error");
    context.giveUp();
  });

  const { compose } = await composing;
  const shared = { log, clock: systemClock, random: systemRandom, redact };
  const app = await compose(config, { ...shared, logger: log });
  const close = async () => {
    const closed = await within(systemClock, closeLimitMs, app.close());
    if (closed.outcome === "done") return;
    log.warn(
      { err: closed.outcome === "failed" ? closed.error : undefined },
      "Closing was cut short",
    );
  };
  try {
    await app.start();
  } catch (error) {
    await close();
    throw error;
  }
  const { callTimeoutMs } = config;
  const envelope = new Envelope({
    ...shared,
    tools: app.tools,
    callTimeoutMs,
    afterCall: app.afterCall,
  });
  return { ...shared, config, app, envelope, close };
}
