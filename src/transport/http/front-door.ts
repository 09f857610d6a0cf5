import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import type { Log } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import { ProtocolError } from "../protocol-error.ts";
import { checkHost, checkOrigin, type GuardOptions, isAuthorized, unauthorized } from "./guards.ts";
import { Refusal } from "./refusal.ts";

export interface FrontDoorParts {
  readonly log: Log;
  readonly random: Random;
  readonly options: GuardOptions & { readonly bodyMaxBytes: number };
}

/** Every URL there is, with its methods. */
const ENDPOINTS: Readonly<Record<string, string>> = {
  "/mcp": "GET, POST, DELETE",
  "/sse": "GET",
  "/mcp/message": "POST",
  "/live": "GET, HEAD",
  "/ready": "GET, HEAD",
};

/**
 * An HTTP server without routes: who may ask, how large a body may be, and how a refusal looks. Bodies reach the
 * routes as bytes.
 */
export function openFrontDoor({ options, log, random }: FrontDoorParts): FastifyInstance {
  const app = fastify({
    bodyLimit: options.bodyMaxBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: "idle",
    // How long a client may take to send its request; answers may take as long as they need.
    requestTimeout: 60_000,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });

  app.addHook("onRequest", async (request, reply) => {
    const { host, origin, authorization } = request.headers;
    checkHost(host, options);
    checkOrigin(origin, options);
    if (origin !== undefined && options.allowedOrigins.includes(origin)) {
      // Set on the raw response, because streams are not written by Fastify.
      reply.raw.setHeader("access-control-allow-origin", origin);
      reply.raw.setHeader("vary", "origin");
      reply.raw.setHeader("access-control-expose-headers", "mcp-session-id, www-authenticate");
      if (request.method === "OPTIONS") return reply.headers(PREFLIGHT).code(204).send();
    }
    const path = pathOf(request);
    const isProbe = path === "/live" || path === "/ready";
    if (!isProbe && !isAuthorized(authorization, options.token)) throw unauthorized();
    return undefined;
  });

  app.setNotFoundHandler((request) => {
    const path = pathOf(request);
    const allow = ENDPOINTS[path];
    if (allow !== undefined) {
      throw new Refusal(405, "refused", `${path} does not take ${request.method}.`, {
        hint: `It takes ${allow}.`,
        headers: { allow },
      });
    }
    throw new Refusal(404, "refused", "There is nothing at this address.", {
      hint: `The addresses are ${Object.keys(ENDPOINTS).join(", ")}.`,
    });
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const refusal = asRefusal(error, { log, random, options });
    return reply.code(refusal.status).headers(refusal.headers).send(refusal.toJSON());
  });
  return app;
}

const PREFLIGHT = {
  "access-control-allow-methods": "GET, POST, DELETE",
  "access-control-allow-headers":
    "authorization, content-type, mcp-session-id, mcp-protocol-version, mcp-method, mcp-name, last-event-id",
  "access-control-max-age": "600",
};

function pathOf({ url }: { readonly url: string }): string {
  return url.split("?", 1)[0] ?? "";
}

function asRefusal(
  error: FastifyError | Refusal | ProtocolError,
  { log, random, options }: FrontDoorParts,
): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof ProtocolError) {
    return new Refusal(400, error.kind, error.message, { data: error.data });
  }
  const { statusCode = 500 } = error;
  if (statusCode === 413) {
    return new Refusal(413, "refused", `The body has more than ${options.bodyMaxBytes} bytes.`, {
      hint: "LOCKSTEP_HTTP_BODY_MAX_BYTES sets the limit.",
    });
  }
  if (statusCode === 415) {
    return new Refusal(415, "refused", "The body is not declared as JSON.", {
      hint: "Send the header Content-Type: application/json.",
    });
  }
  if (statusCode < 500)
    return new Refusal(statusCode, "invalidRequest", "The request cannot be read.");
  const reference = random.hex(6);
  log.error({ err: error, reference }, "HTTP request failed unexpectedly");
  return new Refusal(
    500,
    "internalError",
    `The request failed; the log tells why, under ${reference}.`,
  );
}
