import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import {
  Client as LaterClient,
  StreamableHTTPClientTransport as LaterHttp,
  SSEClientTransport as LaterSse,
} from "@modelcontextprotocol/client";
import { StdioClientTransport as LaterStdio } from "@modelcontextprotocol/client/stdio";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { listTools } from "../../src/app/list-tools.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import {
  LockstepProcess,
  lockstepBin,
  openHome,
  repositoryRoot,
} from "../support/lockstep-process.ts";

/** What the tests ask of a client, whichever SDK it is from. */
interface AnyClient {
  listTools(): Promise<{ tools: { name: string; outputSchema?: object | undefined }[] }>;
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<object>;
  close(): Promise<void>;
}

let home: Awaited<ReturnType<typeof openHome>>;
let servers: Record<"with sessions" | "without sessions", LockstepProcess>;
let urls: Record<keyof typeof servers, string>;
const clients: AnyClient[] = [];

beforeAll(async () => {
  home = await openHome({ LOCKSTEP_HTTP_PORT: "0" });
  servers = {
    "with sessions": new LockstepProcess(["http"], home.env),
    "without sessions": new LockstepProcess(["http"], {
      ...home.env,
      LOCKSTEP_HTTP_SESSIONS: "false",
    }),
  };
  urls = {
    "with sessions": await servers["with sessions"].url(),
    "without sessions": await servers["without sessions"].url(),
  };
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
  await home.remove();
});

const identity = { name: "test", version: "1" };
const modes = ["legacy", "auto"] as const;

async function connectFirst(transport: Parameters<Client["connect"]>[0]): Promise<AnyClient> {
  const client = new Client(identity);
  await client.connect(transport);
  clients.push(client);
  return client;
}

async function connectLater(
  mode: (typeof modes)[number],
  transport: Parameters<LaterClient["connect"]>[0],
): Promise<AnyClient> {
  const client = new LaterClient(identity, { versionNegotiation: { mode } });
  await client.connect(transport);
  clients.push(client);
  return client;
}

/** One of each kind of answer. The client itself checks structured ones against the tool's schema. */
async function exercise(client: AnyClient) {
  const call = (name: string, args: Record<string, unknown>) =>
    client.callTool({ name, arguments: args });
  const { tools } = await client.listTools();
  return {
    names: tools.map(({ name }) => name),
    schemas: tools.filter(({ outputSchema }) => outputSchema !== undefined).length,
    written: await call("kv_set", { key: "greeting", value: "hello" }),
    read: await call("kv_get", { key: "greeting" }),
    wrongField: await call("kv_get", { kee: "greeting" }),
    unknownTool: await call("nope", {}).catch((error: unknown) => error),
  };
}

const names = listTools().map(({ name }) => name);
const working = {
  names,
  schemas: names.length,
  written: { structuredContent: { key: "greeting" } },
  read: { structuredContent: { found: true, value: "hello" } },
  wrongField: { isError: true },
  unknownTool: { code: -32_602 },
};

const stdio = () => ({ command: process.execPath, args: [lockstepBin], env: home.env });

describe("a client of SDK 1", () => {
  it("works over stdio", async () => {
    expect(
      await exercise(
        await connectFirst(new StdioClientTransport({ ...stdio(), stderr: "ignore" })),
      ),
    ).toMatchObject(working);
  });

  it.each(["with sessions", "without sessions"] as const)("works on /mcp %s", async (server) => {
    const url = new URL(`${urls[server]}/mcp`);

    expect(
      await exercise(await connectFirst(new StreamableHTTPClientTransport(url))),
    ).toMatchObject(working);
  });

  it("works on /sse", async () => {
    const url = new URL(`${urls["with sessions"]}/sse`);

    expect(await exercise(await connectFirst(new SSEClientTransport(url)))).toMatchObject(working);
  });
});

describe.each(modes)("a client of SDK 2 in %s mode", (mode) => {
  it("works over stdio", async () => {
    const transport = new LaterStdio({ ...stdio(), stderr: "ignore" });

    expect(await exercise(await connectLater(mode, transport))).toMatchObject(working);
  });

  it.each(["with sessions", "without sessions"] as const)("works on /mcp %s", async (server) => {
    const url = new URL(`${urls[server]}/mcp`);

    expect(await exercise(await connectLater(mode, new LaterHttp(url)))).toMatchObject(working);
  });

  it("works on /sse", async () => {
    const url = new URL(`${urls["with sessions"]}/sse`);

    expect(await exercise(await connectLater(mode, new LaterSse(url)))).toMatchObject(working);
  });
});

describe("mcp.config.json", () => {
  const { mcpServers } = JSON.parse(
    readFileSync(join(repositoryRoot, "mcp.config.json"), "utf8"),
  ) as {
    mcpServers: {
      lockstep: { command: string; args: string[] };
      "lockstep-http": { type: string; url: string };
    };
  };

  it("starts a server over stdio from the folder of the repository", async () => {
    const transport = new StdioClientTransport({
      ...mcpServers.lockstep,
      cwd: repositoryRoot,
      env: home.env,
      stderr: "ignore",
    });

    expect(await exercise(await connectFirst(transport))).toMatchObject(working);
  });

  it("names the address of a server with the default settings", async () => {
    const { config } = parseConfig({});
    const { type, url } = mcpServers["lockstep-http"];

    expect(type).toBe("http");
    expect(url).toBe(`http://${config.httpHost}:${config.httpPort}/mcp`);
  });
});
