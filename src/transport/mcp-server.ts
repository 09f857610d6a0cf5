import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import type { Log } from "../lib/log.ts";
import type { McpMethods } from "./mcp-methods.ts";
import { instructions, serverInfo } from "./server-identity.ts";

/**
 * One server for one connection or session; the SDK mixes up answers when several share it. The low-level class is
 * used on purpose: the SDK's other one answers an unknown tool with a tool error, and remakes the list on each call.
 */
export function createMcpServer(methods: McpMethods, log: Log): Server {
  const server = new Server(serverInfo, {
    capabilities: { tools: {} },
    instructions,
    // Only elicitation needs it, and the default compiles a validator for every session.
    jsonSchemaValidator: { getValidator: () => () => invalidSchema },
  });
  // Requests arrive here as they were sent. A handler registered by schema would turn a wrong type in `params` into
  // an internal error before our own checks, which name the field, could see it.
  server.fallbackRequestHandler = async (request, { signal, sendNotification, _meta }) => {
    const progressToken = _meta?.progressToken;
    const answer = await methods({
      method: request.method,
      params: request.params,
      signal,
      ...(progressToken === undefined
        ? {}
        : {
            onProgress: ({ done, total }) => {
              const params = {
                progressToken,
                progress: done,
                ...(total === undefined ? {} : { total }),
              };
              // A client that has gone away cannot be told; its call is aborted on its own.
              sendNotification({ method: "notifications/progress", params }).catch(() => undefined);
            },
          }),
    });
    return { ...answer };
  };
  server.onerror = (error) => log.debug({ err: error }, "MCP connection reported an error");
  return server;
}

const invalidSchema = {
  valid: false,
  data: undefined,
  errorMessage: "This server does not ask its clients for input.",
} as const;
