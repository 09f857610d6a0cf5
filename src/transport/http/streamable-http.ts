import { randomUUID } from "node:crypto";
import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { FastifyReply, FastifyRequest } from "fastify";
import { isRecord } from "../../lib/is-record.ts";
import type { Log } from "../../lib/log.ts";
import { type McpMethods, refuseLaterRevision } from "../mcp-methods.ts";
import { createMcpServer } from "../mcp-server.ts";
import { readJson } from "./read-json.ts";
import { Refusal } from "./refusal.ts";
import type { Session, Sessions } from "./sessions.ts";

export interface StreamableParts {
  readonly methods: McpMethods;
  readonly log: Log;
  /** Undefined where each request stands alone. */
  readonly sessions: Sessions<McpSession> | undefined;
}

export interface McpSession extends Session {
  readonly transport: StreamableHTTPServerTransport;
  /** Ids of the requests that have not been answered. */
  readonly unanswered: Set<unknown>;
}

/**
 * MCP's Streamable HTTP on one URL. The SDK gives each session, or each request where there are none, a transport of
 * its own; what is here finds the right one, and covers what the SDK leaves open.
 */
export class StreamableHttp {
  readonly #parts: StreamableParts;

  constructor(parts: StreamableParts) {
    this.#parts = parts;
  }

  async handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const body = request.method === "POST" ? readJson(request.body) : undefined;
    if (isRecord(body)) refuseLaterRevision(body["params"]);
    const { sessions } = this.#parts;
    if (sessions === undefined) return this.#handleAlone(request, reply, body);

    const id = request.headers["mcp-session-id"];
    if (typeof id === "string") return this.#handleInSession(request, reply, body, sessions, id);
    if (isRecord(body) && body["method"] === "initialize") {
      return this.#handleFirst(request, reply, body, sessions);
    }
    throw new Refusal(400, "refused", "The header Mcp-Session-Id is missing.", {
      hint: "Begin with an initialize request; its answer carries the header. For a single call without a session, POST to /mcp/message.",
    });
  }

  async #handleFirst(
    request: FastifyRequest,
    reply: FastifyReply,
    body: unknown,
    sessions: Sessions<McpSession>,
  ): Promise<void> {
    await sessions.makeRoom();
    const server = createMcpServer(this.#parts.methods, this.#parts.log);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: !readsStreams(request),
      onsessioninitialized: (id) => {
        sessions.add({ id, transport, unanswered: new Set(), close: () => server.close() });
        server.onclose = () => sessions.remove(id);
        reply.raw.once("close", sessions.begin(id));
      },
    });
    await server.connect(transport);
    reply.raw.once("close", () => {
      if (transport.sessionId === undefined) void server.close();
    });
    await passOn({ request, reply, transport, body });
  }

  async #handleInSession(
    request: FastifyRequest,
    reply: FastifyReply,
    body: unknown,
    sessions: Sessions<McpSession>,
    id: string,
  ): Promise<void> {
    const session = sessions.get(id);
    if (session === undefined) {
      throw new Refusal(404, "sessionNotFound", "Session not found.", {
        hint: "It has ended or was idle for too long. Begin a new one with an initialize request.",
      });
    }
    const release = holdIds(session, body);
    const end = sessions.begin(id);
    reply.raw.once("close", () => {
      release();
      end();
    });
    await passOn({ request, reply, transport: session.transport, body });
    closeStreamOfCancelled(session, body);
  }

  async #handleAlone(request: FastifyRequest, reply: FastifyReply, body: unknown): Promise<void> {
    if (request.method !== "POST") {
      throw new Refusal(405, "refused", "Without sessions there are only POST requests.", {
        hint: "LOCKSTEP_HTTP_SESSIONS=false has switched sessions off.",
        headers: { allow: "POST" },
      });
    }
    const server: Server = createMcpServer(this.#parts.methods, this.#parts.log);
    const transport = new StreamableHTTPServerTransport({
      enableJsonResponse: !readsStreams(request),
    });
    // Nobody else can reach this call, so a client that hangs up has cancelled it; closing aborts what still runs.
    reply.raw.once("close", () => void server.close());
    await server.connect(transport);
    await passOn({ request, reply, transport, body });
  }
}

/** A client that does not ask for a stream by name gets plain JSON, which any client can read. */
function readsStreams(request: FastifyRequest): boolean {
  return request.headers.accept?.includes("text/event-stream") ?? false;
}

async function passOn(exchange: {
  request: FastifyRequest;
  reply: FastifyReply;
  transport: StreamableHTTPServerTransport;
  body: unknown;
}): Promise<void> {
  const { request, reply, transport, body } = exchange;
  // The SDK answers 406 unless both types are named, and several clients in use name one or none.
  request.raw.headers.accept = "application/json, text/event-stream";
  reply.hijack();
  try {
    await transport.handleRequest(request.raw, reply.raw, body);
  } catch (error) {
    // Fastify does not look after a reply any more once the SDK writes it.
    reply.raw.destroy();
    throw error;
  }
}

/**
 * The SDK finds the stream of an answer by the request's id. If a client used one id twice at once, the first request
 * would never be answered, so the second is refused.
 */
function holdIds(session: McpSession, body: unknown): () => void {
  const messages: readonly unknown[] = Array.isArray(body) ? body : [body];
  const ids = messages
    .filter(isRecord)
    .filter((message) => "method" in message && "id" in message)
    .map((message) => message["id"]);
  const taken = ids.find((id, place) => session.unanswered.has(id) || ids.indexOf(id) !== place);
  if (taken !== undefined) {
    throw new Refusal(
      400,
      "invalidRequest",
      `The id ${JSON.stringify(taken).slice(0, 100)} belongs to a request that has not been answered yet.`,
      { hint: "Give every request of a session an id of its own." },
    );
  }
  for (const id of ids) session.unanswered.add(id);
  return () => {
    for (const id of ids) session.unanswered.delete(id);
  };
}

/** A cancelled request gets no answer, and the SDK would keep its stream open for one for ever. */
function closeStreamOfCancelled({ transport }: McpSession, body: unknown): void {
  if (!isRecord(body) || body["method"] !== "notifications/cancelled") return;
  const requestId = isRecord(body["params"]) ? body["params"]["requestId"] : undefined;
  if (typeof requestId === "string" || typeof requestId === "number") {
    transport.closeSSEStream(requestId);
  }
}
