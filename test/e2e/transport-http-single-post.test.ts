import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { curl, type HttpWorld, openHttpWorld } from "../support/http-world.ts";
import { waitUntil } from "../support/wait-until.ts";

const json = ["-H", "Content-Type: application/json"];

describe("POST /mcp/message without a session", () => {
  let world: HttpWorld;

  beforeAll(async () => {
    world = await openHttpWorld();
  });
  afterAll(() => world.server.close(0));

  const post = (body: string) =>
    curl("-X", "POST", `${world.url}/mcp/message`, ...json, "-d", body);

  it("answers a call without jsonrpc and id", async () => {
    const { status, body } = await post(
      '{"method": "tools/call", "params": {"name": "echo", "arguments": {"text": "hi"}}}',
    );

    expect(status).toBe(200);
    expect(body).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\\"text\\":\\"hi\\",\\"times\\":1}"}],"structuredContent":{"text":"hi","times":1}}}',
    );
  });

  it("repeats the id it was given", async () => {
    const { body } = await post('{"jsonrpc":"2.0","id":"seven","method":"ping"}');

    expect(JSON.parse(body)).toEqual({ jsonrpc: "2.0", id: "seven", result: {} });
  });

  it("lists the tools", async () => {
    const { status, body } = await post('{"method":"tools/list"}');

    expect(status).toBe(200);
    expect(JSON.parse(body).result.tools).toHaveLength(4);
  });

  it("answers a tool error with 200 and isError", async () => {
    const { status, body } = await post('{"method":"tools/call","params":{"name":"echo"}}');

    expect(status).toBe(200);
    expect(JSON.parse(body).result).toMatchObject({ isError: true });
  });

  it("answers an unknown tool with 200 and -32602", async () => {
    const { status, body } = await post('{"method":"tools/call","params":{"name":"nope"}}');

    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ id: 1, error: { code: -32_602 } });
  });

  it("answers an unknown method with 200 and -32601", async () => {
    const { status, body } = await post('{"method":"prompts/list"}');

    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ error: { code: -32_601 } });
  });

  it("takes a message with jsonrpc and without id as a notification", async () => {
    const { status, body } = await post('{"jsonrpc":"2.0","method":"notifications/initialized"}');

    expect(status).toBe(202);
    expect(body).toBe("");
  });

  it.each([
    ["broken JSON", '{"method":'],
    ["nothing", ""],
  ])("answers %s with 400 and -32700", async (_, text) => {
    const { status, body } = await post(text);

    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ jsonrpc: "2.0", id: null, error: { code: -32_700 } });
  });

  it.each(["[]", "3", "{}", '{"method":3}', '{"method":"ping","id":{}}'])(
    "answers %s, which is no request, with 400 and -32600",
    async (text) => {
      const { status, body } = await post(text);

      expect(status).toBe(400);
      expect(JSON.parse(body)).toMatchObject({ error: { code: -32_600 } });
    },
  );

  it("refuses text that is not UTF-8 instead of changing it", async () => {
    const body = Buffer.from('{"method":"ping","x":"\xff"}', "latin1");
    const headers = { "content-type": "application/json" };

    const response = await fetch(`${world.url}/mcp/message`, { method: "POST", headers, body });

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: -32_700, message: "The body is not valid UTF-8." },
    });
  });

  it("keeps calls with the same id apart", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, place) => {
        const params = { name: "echo", arguments: { text: `${place}` } };
        const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
        const response = await fetch(`${world.url}/mcp/message`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(message),
        });
        return (await response.json()) as { result: { structuredContent: { text: string } } };
      }),
    );

    expect(answers.map(({ result }) => result.structuredContent.text)).toEqual(
      Array.from({ length: 20 }, (_, place) => `${place}`),
    );
  });

  it("stops a call whose client hangs up", async () => {
    const client = new AbortController();
    const response = fetch(`${world.url}/mcp/message`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ method: "tools/call", params: { name: "linger" } }),
      signal: client.signal,
    });
    await waitUntil(() => world.services.lingering.length === 1);

    client.abort();

    await expect(response).rejects.toThrow("aborted");
    await waitUntil(() => world.services.lingering[0]?.aborted);
  });
});
