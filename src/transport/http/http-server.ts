import { setImmediate as turn } from "node:timers/promises";
import type { App } from "../../app/app.ts";
import type { Clock } from "../../lib/clock.ts";
import { within } from "../../lib/deadline.ts";
import type { Log } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import { LockstepError } from "../../model/lockstep-error.ts";
import type { Envelope } from "../envelope.ts";
import { makeMcpMethods } from "../mcp-methods.ts";
import { openFrontDoor } from "./front-door.ts";
import { type GuardOptions, isAuthorized, isLoopback } from "./guards.ts";
import { addHealthRoutes } from "./health-routes.ts";
import { LegacySse, type SseSession } from "./legacy-sse.ts";
import { listen } from "./listen.ts";
import { OpenResponses } from "./open-responses.ts";
import { Sessions } from "./sessions.ts";
import { answerSinglePost } from "./single-post.ts";
import { type McpSession, StreamableHttp } from "./streamable-http.ts";

export interface HttpServerParts {
  readonly envelope: Envelope;
  readonly health: App["health"];
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly redact: (text: string) => string;
  readonly options: HttpOptions;
}

export interface HttpOptions extends GuardOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly withSessions: boolean;
  readonly sessionIdleMs: number;
  readonly sessionsMax: number;
  readonly bodyMaxBytes: number;
}

export interface HttpServer {
  /** Where a program on this machine reaches the server, without a path. */
  readonly url: string;
  /** Waits for running calls, at most `limitMs`, and closes every stream and connection. */
  close(limitMs: number): Promise<void>;
}

/** Once the calls are over, what is left of a connection is writing the answer. */
const lastWritesMs = 1_000;

/**
 * Listens. Errors: CONFIG_INVALID when other machines could reach the server and it has no token, or the address is
 * not one of this machine; PORT_IN_USE.
 */
export async function startHttpServer(parts: HttpServerParts): Promise<HttpServer> {
  const { envelope, clock, log, options } = parts;
  refuseOpenDoor(options);
  const limits = { clock, log, idleMs: options.sessionIdleMs, max: options.sessionsMax };
  const mcpSessions = options.withSessions ? new Sessions<McpSession>(limits) : undefined;
  const sseSessions = new Sessions<SseSession>(limits);
  let closing = false;

  const app = openFrontDoor(parts);
  const responses = new OpenResponses(app.server);
  const methods = makeMcpMethods(envelope);
  const streamable = new StreamableHttp({ methods, log, sessions: mcpSessions });
  const sse = new LegacySse({ methods, sessions: sseSessions, clock, log });
  app.route({
    method: ["GET", "POST", "DELETE"],
    url: "/mcp",
    handler: (request, reply) => streamable.handle(request, reply),
  });
  app.get("/sse", (request, reply) => sse.open(request, reply));
  app.post<{ Querystring: { sessionId?: string } }>("/mcp/message", (request, reply) => {
    const { sessionId } = request.query;
    if (sessionId === undefined) return answerSinglePost(request, reply, methods);
    return sse.receive(request, reply, sessionId);
  });
  addHealthRoutes(app, {
    health: parts.health,
    clock,
    redact: parts.redact,
    isClosing: () => closing,
    mayLearnCauses: ({ headers }) => isAuthorized(headers.authorization, options.token),
  });

  const closeSessions = async () => {
    await mcpSessions?.closeAll();
    await sseSessions.closeAll();
  };

  let url: string;
  try {
    url = await listen(app, options);
  } catch (error) {
    await closeSessions();
    throw error;
  }
  return {
    url,
    async close(limitMs) {
      closing = true;
      await envelope.drain(limitMs);
      // The answers of the calls that have just ended are sent before this.
      await turn();
      await closeSessions();
      await within(clock, lastWritesMs, responses.whenAllEnded());
      // Browsers and HTTP libraries keep connections open that they do not use; closing would wait for them.
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

function refuseOpenDoor({ host, token }: HttpOptions): void {
  if (isLoopback(host) || token !== undefined) return;
  throw new LockstepError(
    "CONFIG_INVALID",
    `LOCKSTEP_HTTP_HOST=${host} lets other machines reach the server, which needs LOCKSTEP_HTTP_TOKEN.`,
    { hint: "Set LOCKSTEP_HTTP_TOKEN to a long random text, or listen on 127.0.0.1." },
  );
}
