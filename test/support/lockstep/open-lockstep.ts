import type { App } from "../../../src/app/app.ts";
import { compose } from "../../../src/app/compose.ts";
import type { Environment } from "../../../src/app/environment.ts";
import { parseConfig } from "../../../src/config/parse-config.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import { Envelope } from "../../../src/transport/envelope.ts";
import { RecordingLog } from "../recording-log.ts";
import { type Caller, readReply } from "./caller.ts";
import { QUIET_JOBS } from "./quiet-jobs.ts";

export type Variables = Readonly<Record<string, string>>;

/** A Lockstep in this process: the composed server with the envelope of the transports, and none of these. */
export interface OpenLockstep extends Caller {
  readonly app: App;
  readonly log: RecordingLog;
}

/**
 * Composes and starts it from variables as a user would set them, around a cache of the test's own where there is one.
 * Errors: those of compose and App.start.
 */
export async function openLockstep(
  variables: Variables,
  own: Pick<Environment, "copyCache"> = {},
): Promise<OpenLockstep> {
  const { config } = parseConfig({ ...QUIET_JOBS, ...variables });
  const log = new RecordingLog();
  const environment = { clock: systemClock, random: systemRandom, logger: log, ...own };
  const app = await compose(config, environment);
  try {
    await app.start();
  } catch (error) {
    await app.close();
    throw error;
  }
  const envelope = new Envelope({
    tools: app.tools,
    clock: systemClock,
    random: systemRandom,
    log,
    callTimeoutMs: config.callTimeoutMs,
    redact: (text) => text,
    afterCall: app.afterCall,
  });
  return {
    app,
    log,
    call: async (tool, args = {}) => readReply(tool, await envelope.call({ name: tool, args })),
    close: () => app.close(),
  };
}
