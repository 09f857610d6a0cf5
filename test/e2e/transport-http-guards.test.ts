import { request } from "node:http";
import { afterEach, describe, expect, it } from "@jest/globals";
import { curl, type HttpWorld, openHttpWorld } from "../support/http-world.ts";

const opened: HttpWorld[] = [];
const open = async (options: Parameters<typeof openHttpWorld>[0] = {}) => {
  const world = await openHttpWorld(options);
  opened.push(world);
  return world;
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ server }) => server.close(0)));
});

const json = ["-H", "Content-Type: application/json"];
const call = [...json, "-d", '{"method":"tools/list"}'];

describe("the Host header", () => {
  it.each(["evil.example", "evil.example:8080", "10.0.0.7", ""])("%j is refused", async (host) => {
    const { url } = await open();

    const { status, body } = await curl(`${url}/mcp/message`, ...call, "-H", `Host: ${host}`);

    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({ jsonrpc: "2.0", id: null });
  });

  it.each(["localhost", "localhost:1234", "127.0.0.1", "[::1]:8080", "lockstep.internal"])(
    "%s is accepted",
    async (host) => {
      const { url } = await open({ allowedHosts: ["Lockstep.internal"] });

      expect((await curl(`${url}/live`, "-H", `Host: ${host}`)).status).toBe(200);
    },
  );

  it("may be any address, but no foreign name, on a server for other machines", async () => {
    const { url } = await open({ host: "0.0.0.0", token: "t0ken" });

    expect((await curl(`${url}/live`, "-H", "Host: 10.0.0.7:8080")).status).toBe(200);
    expect((await curl(`${url}/live`, "-H", "Host: evil.example")).status).toBe(403);
  });
});

describe("the Origin header", () => {
  it.each(["http://evil.example", "null", "http://localhost.evil.example", "nonsense"])(
    "%s is refused on every address",
    async (origin) => {
      const { url } = await open();

      for (const path of ["/mcp", "/sse", "/mcp/message", "/live"]) {
        const { status, body } = await curl(`${url}${path}`, "-H", `Origin: ${origin}`);
        expect(status).toBe(403);
        expect(JSON.parse(body).error.message).toContain(origin);
      }
    },
  );

  it("of this machine is accepted", async () => {
    const { url } = await open();
    const origin = ["-H", "Origin: http://localhost:6274"];

    expect((await curl(`${url}/mcp/message`, ...call, ...origin)).status).toBe(200);
  });

  it("that is listed gets CORS headers, also before the real request and without the token", async () => {
    const { url } = await open({ allowedOrigins: ["https://tools.example"], token: "t0ken" });
    const headers = { origin: "https://tools.example" };

    const preflight = await fetch(`${url}/mcp`, { method: "OPTIONS", headers });

    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("https://tools.example");
    expect(preflight.headers.get("access-control-allow-headers")).toContain("mcp-session-id");
  });
});

describe("the token", () => {
  it("is needed where one is set, except to ask whether the server lives", async () => {
    const { url } = await open({ token: "t0ken" });
    const withToken = (token: string) => ["-H", `Authorization: Bearer ${token}`];

    expect((await curl(`${url}/mcp/message`, ...call)).status).toBe(401);
    expect((await curl(`${url}/mcp/message`, ...call, ...withToken("wrong"))).status).toBe(401);
    expect((await curl(`${url}/mcp/message`, ...call, ...withToken("t0ken"))).status).toBe(200);
    expect((await curl(`${url}/nowhere`)).status).toBe(401);
    expect((await curl(`${url}/live`)).status).toBe(200);
  });

  it("is asked for with WWW-Authenticate", async () => {
    const { url } = await open({ token: "t0ken" });

    const response = await fetch(`${url}/mcp`);

    expect(response.headers.get("www-authenticate")).toContain("Bearer");
  });

  it.each(["0.0.0.0", "::", "192.168.1.5", "lockstep.internal"])(
    "is demanded before listening on %s",
    async (host) => {
      await expect(open({ host })).rejects.toMatchObject({
        code: "CONFIG_INVALID",
        message: expect.stringContaining("LOCKSTEP_HTTP_TOKEN"),
      });
    },
  );
});

describe("what cannot be served", () => {
  it("a body over the limit gets 413", async () => {
    const { url } = await open({ bodyMaxBytes: 1_024 });
    const body = JSON.stringify({ method: "ping", padding: "x".repeat(2_000) });

    for (const path of ["/mcp", "/mcp/message", "/mcp/message?sessionId=x"]) {
      const answer = await curl(`${url}${path}`, ...json, "-d", body);
      expect(answer.status).toBe(413);
      expect(JSON.parse(answer.body).error.message).toContain("more than 1024 bytes");
    }
  });

  it("a body over the limit that does not tell its length gets 413 too", async () => {
    const { url } = await open({ bodyMaxBytes: 1_024 });

    const status = await new Promise((resolve, reject) => {
      const post = request(`${url}/mcp`, {
        method: "POST",
        headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
      });
      post.on("response", (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      post.on("error", reject);
      post.write("x".repeat(2_000));
      post.end();
    });

    expect(status).toBe(413);
  });

  it("a body that is not declared as JSON gets 415 with the header to send", async () => {
    const { url } = await open();

    const { status, body } = await curl(`${url}/mcp/message`, "-d", '{"method":"ping"}');

    expect(status).toBe(415);
    expect(JSON.parse(body).error.data.hint).toContain("Content-Type: application/json");
  });

  it.each([
    ["GET", "/mcp/message", "POST"],
    ["POST", "/sse", "GET"],
    ["PUT", "/mcp", "GET, POST, DELETE"],
    ["DELETE", "/ready", "GET, HEAD"],
  ])("%s %s gets 405 with what is allowed", async (method, path, allow) => {
    const { url } = await open();

    const response = await fetch(`${url}${path}`, { method });

    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
    expect(await response.json()).toMatchObject({
      jsonrpc: "2.0",
      error: { message: `${path} does not take ${method}.` },
    });
  });

  it("an unknown address gets 404 with those there are", async () => {
    const { url } = await open();

    const { status, body } = await curl(`${url}/`);

    expect(status).toBe(404);
    expect(JSON.parse(body).error.data.hint).toContain("/mcp/message");
  });

  it("a port that is taken is refused by its variable", async () => {
    const { url } = await open();
    const port = Number(new URL(url).port);

    await expect(open({ port })).rejects.toMatchObject({
      code: "PORT_IN_USE",
      message: `Port ${port} on 127.0.0.1 is taken (LOCKSTEP_HTTP_PORT).`,
    });
  });
});

describe("/live and /ready", () => {
  const down = { kind: "mongodb", up: false, cause: "a:27017 refused app:st0re-pass" };

  it("say that all is well", async () => {
    const { url } = await open();

    expect(JSON.parse((await curl(`${url}/live`)).body)).toEqual({ live: true });
    const ready = await curl(`${url}/ready`);
    expect(ready.status).toBe(200);
    expect(JSON.parse(ready.body)).toEqual({
      ready: true,
      authority: "store-first",
      cache: { kind: "memory", up: true },
      store: { kind: "sqlite", up: true },
      warnings: [],
    });
  });

  it("name the store that is down and why, without its password", async () => {
    const { url } = await open({ health: { ready: false, store: down } });

    const { status, body } = await curl(`${url}/ready`);

    expect(status).toBe(503);
    expect(JSON.parse(body).store).toEqual({ ...down, cause: "a:27017 refused app:***" });
    expect((await curl(`${url}/live`)).status).toBe(200);
  });

  it("tell the cause only to those who have the token, where there is one", async () => {
    const { url } = await open({ token: "t0ken", health: { ready: false, store: down } });

    const stranger = await curl(`${url}/ready`);
    const operator = await curl(`${url}/ready`, "-H", "Authorization: Bearer t0ken");

    expect(JSON.parse(stranger.body).store).toEqual({ kind: "mongodb", up: false });
    expect(JSON.parse(operator.body).store).toHaveProperty("cause");
  });
});
