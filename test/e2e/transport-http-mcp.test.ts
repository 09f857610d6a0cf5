import { afterEach, describe, expect, it } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type HttpWorld, openHttpWorld, readEvents } from "../support/http-world.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { initialize, toolCall } from "../support/mcp-messages.ts";
import { waitUntil } from "../support/wait-until.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

describe("/mcp with sessions", () => {
  it("serves a client: handshake, list, call, structured answer, progress", async () => {
    const world = await open();
    const client = await connect(world);
    const progress: number[] = [];

    const { tools } = await client.listTools();
    const answer = await client.callTool({ name: "count", arguments: { to: 3 } }, undefined, {
      onprogress: ({ progress: done }) => progress.push(done),
    });

    expect(client.getServerVersion()).toMatchObject({ name: "lockstep", title: "Lockstep" });
    expect(client.getInstructions()).toContain("verify_key_sync");
    expect(tools.map(({ name }) => name)).toEqual(["count", "echo", "fail", "linger"]);
    expect(answer.structuredContent).toEqual({ counted: 3 });
    expect(progress).toEqual([1, 3]);
  });

  it("answers an unknown tool with -32602 and bad arguments with a tool error", async () => {
    const client = await connect(await open());

    await expect(client.callTool({ name: "nope" })).rejects.toMatchObject({ code: -32_602 });
    expect(await client.callTool({ name: "echo", arguments: { txt: 1 } })).toMatchObject({
      isError: true,
    });
  });

  it("answers params of the wrong type with -32602", async () => {
    const world = await open();
    const id = await beginSession(world);

    const response = await post(world, toolCall(2, "echo", []), { "mcp-session-id": id });
    const nameless = await post(
      world,
      { jsonrpc: "2.0", id: 3, method: "tools/call", params: {} },
      { "mcp-session-id": id },
    );

    expect(await firstMessage(response)).toMatchObject({ result: { isError: true } });
    expect(await firstMessage(nameless)).toMatchObject({ id: 3, error: { code: -32_602 } });
  });

  it.each([undefined, "*/*", "application/json"])(
    "does not insist on an Accept header: %s",
    async (accept) => {
      const world = await open();

      const response = await post(world, initialize, accept === undefined ? {} : { accept });

      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(await response.json()).toMatchObject({ result: { serverInfo: { name: "lockstep" } } });
    },
  );

  it("answers a request without a session with 400 and one of an unknown session with 404", async () => {
    const world = await open();

    const without = await post(world, toolCall(1, "echo", { text: "hi" }));
    const unknown = await post(world, toolCall(1, "echo", { text: "hi" }), {
      "mcp-session-id": "x",
    });

    expect(without.status).toBe(400);
    expect(await without.json()).toMatchObject({ error: { code: -32_000 } });
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: -32_001 } });
  });

  it("forgets a session that its client deletes", async () => {
    const world = await open();
    const id = await beginSession(world);
    const headers = { "mcp-session-id": id };

    const deleted = await fetch(`${world.url}/mcp`, { method: "DELETE", headers });

    expect(deleted.status).toBe(200);
    expect((await post(world, toolCall(2, "echo", { text: "hi" }), headers)).status).toBe(404);
  });

  it("forgets a session that was idle for the limit, counted from the end of its last request", async () => {
    const clock = new ManualClock();
    const world = await open({ clock, sessionIdleMs: 60_000 });
    const id = await beginSession(world);
    const headers = { "mcp-session-id": id };

    const running = post(world, toolCall(2, "linger", {}), headers);
    await waitUntil(() => world.services.lingering.length === 1);
    await clock.advance(50_000);
    world.services.release();
    await (await running).text();
    await clock.advance(59_000);
    const early = await post(world, toolCall(3, "echo", { text: "hi" }), headers);
    await early.text();
    await clock.advance(80_000);
    const late = await post(world, toolCall(4, "echo", { text: "hi" }), headers);

    expect(early.status).toBe(200);
    expect(late.status).toBe(404);
  });

  it("does not count the time of a running call as idle", async () => {
    const clock = new ManualClock();
    const world = await open({ clock, sessionIdleMs: 20_000 });
    const id = await beginSession(world);
    const running = post(world, toolCall(2, "linger", {}), { "mcp-session-id": id });
    await waitUntil(() => world.services.lingering.length === 1);

    await clock.advance(50_000);
    world.services.release();

    expect(await firstMessage(await running)).toMatchObject({ result: { structuredContent: {} } });
  });

  it("gives the place of the longest idle session to a new one, and none of a busy one", async () => {
    const world = await open({ sessionsMax: 2 });
    const first = await beginSession(world);
    const second = await beginSession(world);
    const busy = post(world, toolCall(2, "linger", {}), { "mcp-session-id": second });
    await waitUntil(() => world.services.lingering.length === 1);

    const third = await beginSession(world);
    const busyToo = post(world, toolCall(2, "linger", {}), { "mcp-session-id": third });
    await waitUntil(() => world.services.lingering.length === 2);
    const refused = await post(world, initialize);

    expect((await post(world, toolCall(2, "echo", {}), { "mcp-session-id": first })).status).toBe(
      404,
    );
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("10");
    world.services.release();
    await Promise.all([busy, busyToo].map(async (response) => (await response).text()));
  });

  it("keeps calls with the same id apart when they are of two sessions", async () => {
    const world = await open();
    const ids = await Promise.all([beginSession(world), beginSession(world)]);

    const answers = await Promise.all(
      ids.map(async (id) =>
        firstMessage(
          await post(world, toolCall(1, "echo", { text: id }), { "mcp-session-id": id }),
        ),
      ),
    );

    expect(answers).toMatchObject(
      ids.map((text) => ({ id: 1, result: { structuredContent: { text } } })),
    );
  });

  it("refuses an id that the same session is still waiting for", async () => {
    const world = await open();
    const headers = { "mcp-session-id": await beginSession(world) };
    const running = post(world, toolCall(7, "linger", {}), headers);
    await waitUntil(() => world.services.lingering.length === 1);

    const twin = await post(world, toolCall(7, "echo", { text: "hi" }), headers);

    expect(twin.status).toBe(400);
    expect(await twin.json()).toMatchObject({ error: { code: -32_600 } });
    world.services.release();
    expect(await firstMessage(await running)).toMatchObject({ id: 7, result: {} });
    const later = await post(world, toolCall(7, "echo", { text: "hi" }), headers);
    expect(await firstMessage(later)).toMatchObject({ id: 7, result: {} });
  });

  it("stops a cancelled call and ends its stream", async () => {
    const world = await open();
    const headers = { "mcp-session-id": await beginSession(world) };
    const running = await post(world, toolCall(7, "linger", {}), headers);
    await waitUntil(() => world.services.lingering.length === 1);

    const params = { requestId: 7 };
    await post(world, { jsonrpc: "2.0", method: "notifications/cancelled", params }, headers);

    expect(await running.text()).toBe("");
    expect(world.services.lingering[0]?.aborted).toBe(true);
  });

  it("lets a call run on when its client loses the connection, as sessions are meant to", async () => {
    const world = await open();
    const headers = { "mcp-session-id": await beginSession(world) };
    const client = new AbortController();
    const running = post(world, toolCall(7, "linger", {}), headers, client.signal);
    await waitUntil(() => world.services.lingering.length === 1);

    client.abort();
    await running.then((response) => response.text()).catch(() => undefined);
    await (await post(world, toolCall(8, "echo", { text: "hi" }), headers)).text();

    expect(world.services.lingering[0]?.aborted).toBe(false);
    world.services.release();
  });

  it("finishes a running call at shutdown and refuses new ones", async () => {
    const world = await open();
    const headers = { "mcp-session-id": await beginSession(world) };
    const running = post(world, toolCall(2, "linger", {}), headers);
    await waitUntil(() => world.services.lingering.length === 1);

    const closed = world.server.close(5_000);
    const late = await firstMessage(
      await post(world, toolCall(3, "echo", { text: "hi" }), headers),
    );
    const ready = await fetch(`${world.url}/ready`);
    world.services.release();

    expect(JSON.stringify(late)).toContain("SHUTTING_DOWN");
    expect(ready.status).toBe(503);
    expect(await firstMessage(await running)).toMatchObject({
      result: { structuredContent: { ended: "released" } },
    });
    await closed;
  });

  it("tells a client of a later revision which ones there are", async () => {
    const world = await open();
    const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };

    const response = await post(world, {
      jsonrpc: "2.0",
      id: 1,
      method: "server/discover",
      params: { _meta },
    });

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: -32_022, data: { requested: "2026-07-28" } },
    });
  });
});

describe("/mcp without sessions", () => {
  it("serves a client, progress included", async () => {
    const world = await open({ withSessions: false });
    const client = await connect(world);
    const progress: number[] = [];

    const answer = await client.callTool({ name: "count", arguments: { to: 2 } }, undefined, {
      onprogress: ({ progress: done }) => progress.push(done),
    });

    expect(answer.structuredContent).toEqual({ counted: 2 });
    expect(progress).toEqual([1, 2]);
  });

  it("answers a call that stands alone, as JSON where no stream is asked for", async () => {
    const world = await open({ withSessions: false });

    const response = await post(world, toolCall(5, "echo", { text: "hi" }));

    expect(response.headers.get("mcp-session-id")).toBeNull();
    expect(await response.json()).toMatchObject({
      id: 5,
      result: { structuredContent: { text: "hi" } },
    });
  });

  it.each(["GET", "DELETE"])("refuses %s with 405", async (method) => {
    const { url } = await open({ withSessions: false });

    const response = await fetch(`${url}/mcp`, { method });

    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
  });

  it("stops a call whose client hangs up", async () => {
    const world = await open({ withSessions: false });
    const client = new AbortController();
    const running = post(world, toolCall(1, "linger", {}), {}, client.signal);
    await waitUntil(() => world.services.lingering.length === 1);

    client.abort();

    await expect(running).rejects.toThrow("aborted");
    await waitUntil(() => world.services.lingering[0]?.aborted);
  });
});

describe("HTTP+SSE", () => {
  it("serves a client: handshake, list, call", async () => {
    const world = await open();
    const client = new Client({ name: "old", version: "1" });
    closers.push(() => client.close());
    await client.connect(new SSEClientTransport(new URL(`${world.url}/sse`)));

    const { tools } = await client.listTools();
    const answer = await client.callTool({ name: "count", arguments: { to: 2 } });

    expect(tools).toHaveLength(4);
    expect(answer.structuredContent).toEqual({ counted: 2 });
  });

  it("names the address for messages first, and keeps the stream alive with comments", async () => {
    const clock = new ManualClock();
    const world = await open({ clock });
    const stream = await openStream(world);

    const { value: endpoint } = await stream.next();
    await clock.advance(15_000);
    const { value: comment } = await stream.next();

    expect(endpoint).toMatchObject({
      event: "endpoint",
      data: expect.stringMatching(/^\/mcp\/message\?sessionId=[\w-]+$/),
    });
    expect(comment).toEqual({ comment: "keep-alive" });
  });

  it("answers on the stream what was posted to that address", async () => {
    const world = await open();
    const stream = await openStream(world);
    const address = `${world.url}${(await stream.next()).value?.data}`;

    const params = { name: "count", arguments: { to: 1 }, _meta: { progressToken: "p" } };
    const taken = await fetch(
      address,
      jsonPost({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
    );

    expect(taken.status).toBe(202);
    expect(JSON.parse((await stream.next()).value?.data ?? "")).toMatchObject({
      method: "notifications/progress",
      params: { progressToken: "p", progress: 1, total: 1 },
    });
    expect(JSON.parse((await stream.next()).value?.data ?? "")).toMatchObject({
      id: 1,
      result: { structuredContent: { counted: 1 } },
    });
  });

  it("refuses what is not a message, and what is for no stream, with JSON", async () => {
    const world = await open();
    const stream = await openStream(world);
    const address = `${world.url}${(await stream.next()).value?.data}`;

    const wrong = await fetch(address, jsonPost({ hello: 1 }));
    const unknown = await fetch(`${world.url}/mcp/message?sessionId=x`, jsonPost({}));

    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ error: { code: -32_600 } });
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: -32_001 } });
  });

  it("stops the calls of a client whose stream ends", async () => {
    const world = await open();
    const client = new AbortController();
    const stream = await openStream(world, client.signal);
    const address = `${world.url}${(await stream.next()).value?.data}`;
    await fetch(address, jsonPost(toolCall(1, "linger", {})));
    await waitUntil(() => world.services.lingering.length === 1);

    client.abort();

    await waitUntil(() => world.services.lingering[0]?.aborted);
    expect(world.envelope.runningCalls).toBe(0);
  });
});

async function open(options: Parameters<typeof openHttpWorld>[0] = {}): Promise<HttpWorld> {
  const world = await openHttpWorld(options);
  closers.push(() => world.server.close(0));
  return world;
}

async function connect({ url }: HttpWorld): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  closers.push(() => client.close());
  return client;
}

function post(
  { url }: HttpWorld,
  message: object,
  headers: Record<string, string> = {},
  signal: AbortSignal | null = null,
): Promise<Response> {
  return fetch(`${url}/mcp`, { ...jsonPost(message, headers), signal });
}

function jsonPost(message: object, headers: Record<string, string> = {}) {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(message),
  };
}

/** Begins a session that reads streams, and returns its id. */
async function beginSession(world: HttpWorld): Promise<string> {
  const accept = "application/json, text/event-stream";
  const response = await post(world, initialize, { accept });
  await response.text();
  return response.headers.get("mcp-session-id")!;
}

async function firstMessage(response: Response): Promise<unknown> {
  const { value } = await readEvents(response).next();
  return JSON.parse(value?.data ?? "null");
}

async function openStream({ url }: HttpWorld, signal: AbortSignal | null = null) {
  const own = new AbortController();
  closers.push(async () => own.abort());
  signal?.addEventListener("abort", () => own.abort());
  return readEvents(await fetch(`${url}/sse`, { signal: own.signal }));
}
