import type { FastifyReply, FastifyRequest } from "fastify";
import { isRecord } from "../../lib/is-record.ts";
import type { McpMethods } from "../mcp-methods.ts";
import { ProtocolError } from "../protocol-error.ts";
import { readJson } from "./read-json.ts";
import { Refusal } from "./refusal.ts";

/** The id in the answer to a request that has none; MCP wants one that is not null. */
const filledId = 1;

/**
 * One request, one JSON answer, for curl and scripts: no handshake, no session, no stream. `jsonrpc` and `id` may be
 * left out. Answers 200 with a result or a JSON-RPC error, 202 without a body to a notification.
 */
export async function answerSinglePost(
  request: FastifyRequest,
  reply: FastifyReply,
  methods: McpMethods,
): Promise<void> {
  const { id, method, params } = readRequest(readJson(request.body));
  if (id === undefined) {
    await reply.code(202).send();
    return;
  }
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const answer = await answerTo({ method, params, signal: gone.signal }, methods);
  await reply
    .type("application/json; charset=utf-8")
    .send(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
}

interface SingleRequest {
  /** Undefined on a notification. */
  readonly id: string | number | null | undefined;
  readonly method: string;
  readonly params: unknown;
}

function readRequest(message: unknown): SingleRequest {
  if (!isRecord(message) || typeof message["method"] !== "string") {
    throw new Refusal(400, "invalidRequest", "The body is not a request.", {
      hint: 'Send one object such as {"method":"tools/call","params":{"name":"kv_get","arguments":{"key":"a"}}}.',
    });
  }
  const { method, params, id } = message;
  if (id !== undefined && id !== null && typeof id !== "string" && typeof id !== "number") {
    throw new Refusal(400, "invalidRequest", "The id is neither a text nor a number.");
  }
  // Only a sender that speaks JSON-RPC can mean a notification by leaving the id out.
  const isNotification = id === undefined && "jsonrpc" in message;
  return {
    id: isNotification ? undefined : (id ?? (id === null ? null : filledId)),
    method,
    params,
  };
}

async function answerTo(
  request: { method: string; params: unknown; signal: AbortSignal },
  methods: McpMethods,
): Promise<{ readonly result: object } | { readonly error: object }> {
  if (request.method === "ping") return { result: {} };
  try {
    return { result: await methods(request) };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { code, message, data } = error;
    return { error: data === undefined ? { code, message } : { code, message, data } };
  }
}
