import { tmpdir } from "node:os";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

/** A server as MCP clients write it down: how to start it, or where it is. */
export type ConfiguredServer =
  | { readonly type?: "stdio"; readonly command: string; readonly args: readonly string[] }
  | { readonly type: "http"; readonly url: string };

/** Where each client looks for its servers. */
const serversField: Readonly<Record<string, "mcpServers" | "servers">> = {
  "claude_desktop_config.json": "mcpServers",
  ".cursor/mcp.json": "mcpServers",
  ".vscode/mcp.json": "servers",
};

export function isClientConfig(fileName: string): boolean {
  return Object.hasOwn(serversField, fileName);
}

/** The servers of a configuration file. Error: the client of that file would not find any. */
export function configuredServers(fileName: string, json: string): readonly ConfiguredServer[] {
  const parsed = JSON.parse(json) as Record<string, Record<string, ConfiguredServer>>;
  const field = serversField[fileName] ?? "";
  const servers = Object.values(parsed[field] ?? {});
  if (servers.length === 0 || Object.keys(parsed).length !== 1) {
    throw new Error(`${fileName} has its servers in ${field}, and nothing else beside it.`);
  }
  // VS Code refuses a server that does not say its type; the others guess it.
  if (field === "servers" && servers.some(({ type }) => type === undefined)) {
    throw new Error(`${fileName} needs the type of each server.`);
  }
  return servers;
}

/** Connects as the client would, from a folder that is not the clone, and lists the tools' names. */
export async function toolNamesOf(
  server: ConfiguredServer,
  env: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const client = new Client({ name: "readme-test", version: "0" });
  try {
    await client.connect(openTransport(server, env));
    const { tools } = await client.listTools();
    return tools.map(({ name }) => name);
  } finally {
    await client.close();
  }
}

function openTransport(server: ConfiguredServer, env: Readonly<Record<string, string>>) {
  if (server.type === "http") return new StreamableHTTPClientTransport(new URL(server.url));
  const { command, args } = server;
  return new StdioClientTransport({
    command,
    args: [...args],
    env: { ...env },
    cwd: tmpdir(),
    stderr: "ignore",
  });
}
