import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { McpMethods } from "../mcp-methods.ts";
import { createMcpServer } from "../mcp-server.ts";
import { readJson } from "./read-json.ts";
import { Refusal } from "./refusal.ts";
import type { Session, Sessions } from "./sessions.ts";

export interface SseSession extends Session {
  readonly transport: SSEServerTransport;
}

/** Proxies close a connection on which nothing moves, many after 30 seconds or a minute. */
const keepAliveMs = 15_000;

/**
 * The older HTTP+SSE: the client holds one stream open at /sse, on which the answers come, and posts its messages
 * to the address that the first event names. The session is as long as the stream.
 */
export class LegacySse {
  readonly #methods: McpMethods;
  readonly #sessions: Sessions<SseSession>;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(parts: {
    methods: McpMethods;
    sessions: Sessions<SseSession>;
    clock: Clock;
    log: Log;
  }) {
    this.#methods = parts.methods;
    this.#sessions = parts.sessions;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  async open(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#sessions.makeRoom();
    reply.hijack();
    const transport = new SSEServerTransport("/mcp/message", reply.raw);
    const server = createMcpServer(this.#methods, this.#log);
    const id = transport.sessionId;
    this.#sessions.add({ id, transport, close: () => server.close() });
    reply.raw.once("close", this.#sessions.begin(id));
    server.onclose = () => this.#sessions.remove(id);
    await server.connect(transport);
    void this.#keepAlive(reply.raw);
  }

  /** Takes one message; its answer comes on the stream. */
  receive(request: FastifyRequest, reply: FastifyReply, sessionId: string): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) {
      throw new Refusal(404, "sessionNotFound", "Session not found.", {
        hint: "Its stream has ended. Open a new one with GET /sse.",
      });
    }
    const message = readJson(request.body);
    // Rejects what is not JSON-RPC before anything else happens.
    session.transport.handleMessage(message, { requestInfo: { headers: request.headers } }).then(
      () => reply.code(202).send(),
      () => reply.send(new Refusal(400, "invalidRequest", "The body is not a JSON-RPC message.")),
    );
  }

  async #keepAlive(stream: FastifyReply["raw"]): Promise<void> {
    const closed = new AbortController();
    stream.once("close", () => closed.abort());
    while (!closed.signal.aborted) {
      await this.#clock.sleep(keepAliveMs, closed.signal);
      if (stream.writable) stream.write(": keep-alive\n\n");
    }
  }
}
