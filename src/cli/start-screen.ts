import type { App } from "../app/app.ts";
import { serverInfo } from "../transport/server-identity.ts";

/** What a person sees who has just started the server: where it is, where the data lies, and how to connect. */
export function renderStartScreen({
  url,
  backends,
  needsToken,
}: {
  readonly url: string;
  readonly backends: App["backends"];
  readonly needsToken: boolean;
}): string {
  // The token itself stays out: screens are copied into tickets.
  const headers = (reference: string) =>
    needsToken ? { headers: { Authorization: `Bearer ${reference}` } } : {};
  const server = { type: "http", url: `${url}/mcp` };
  const variable = "$" + "{LOCKSTEP_HTTP_TOKEN}";
  const agent = { mcpServers: { lockstep: { ...server, ...headers(variable) } } };
  const ide = {
    servers: { lockstep: { ...server, ...headers("$" + "{env:LOCKSTEP_HTTP_TOKEN}") } },
  };
  const curlToken = needsToken ? ` -H "Authorization: Bearer $LOCKSTEP_HTTP_TOKEN"` : "";

  return `
  Lockstep ${serverInfo.version} listens on ${url}

    Cache   ${backends.cache}
    Store   ${backends.store}

  An agent (mcpServers, as in .mcp.json or .cursor/mcp.json):
    ${JSON.stringify(agent)}

  An IDE (.vscode/mcp.json):
    ${JSON.stringify(ide)}

  curl:
    curl -X POST ${url}/mcp/message -H "Content-Type: application/json"${curlToken} -d '{"method": "tools/call", "params": {"name": "hybrid_sync_stats"}}'

  Ctrl-C ends it.

`;
}
