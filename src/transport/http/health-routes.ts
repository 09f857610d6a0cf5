import type { FastifyInstance, FastifyRequest } from "fastify";
import type { App, BackendHealth } from "../../app/app.ts";
import type { Clock } from "../../lib/clock.ts";
import { within } from "../../lib/deadline.ts";

export interface HealthParts {
  readonly health: App["health"];
  readonly clock: Clock;
  readonly isClosing: () => boolean;
  /** Whether a request may learn more than up or down: causes name hosts and settings. */
  readonly mayLearnCauses: (request: FastifyRequest) => boolean;
  readonly redact: (text: string) => string;
}

/** What probes and load balancers allow; a backend that takes longer is as good as down. */
const healthLimitMs = 5_000;

/** GET /live says that the process runs, GET /ready whether both backends answer (200), or which does not (503). */
export function addHealthRoutes(app: FastifyInstance, parts: HealthParts): void {
  app.get("/live", { exposeHeadRoute: true }, () => ({ live: true }));

  app.get("/ready", { exposeHeadRoute: true }, async (request, reply) => {
    if (parts.isClosing()) {
      return reply.code(503).send({ ready: false, cause: "The server is shutting down." });
    }
    const asked = await within(parts.clock, healthLimitMs, parts.health());
    if (asked.outcome !== "done") {
      const cause = `The backends have not been heard of within ${healthLimitMs} ms.`;
      return reply.code(503).send({ ready: false, cause });
    }
    const { ready, authority, cache, store, warnings } = asked.value;
    const withCauses = parts.mayLearnCauses(request);
    return reply.code(ready ? 200 : 503).send({
      ready,
      authority,
      cache: describeBackend(cache, withCauses, parts.redact),
      store: describeBackend(store, withCauses, parts.redact),
      ...(withCauses ? { warnings } : {}),
    });
  });
}

function describeBackend(
  { kind, up, cause }: BackendHealth,
  withCause: boolean,
  redact: (text: string) => string,
): BackendHealth {
  return cause === undefined || !withCause ? { kind, up } : { kind, up, cause: redact(cause) };
}
