import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { curl, readEvents } from "../support/http-world.ts";
import { LockstepProcess, openHome, runLockstep } from "../support/lockstep-process.ts";
import { initialize } from "../support/mcp-messages.ts";
import { waitUntil } from "../support/wait-until.ts";

let home: Awaited<ReturnType<typeof openHome>>;
let running: LockstepProcess[] = [];

beforeEach(async () => {
  home = await openHome({ LOCKSTEP_HTTP_PORT: "0" });
});
afterEach(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all(running.map(({ exitCode }) => exitCode));
  running = [];
  await home.remove();
});

async function startHttp(env: Record<string, string> = {}) {
  const lockstep = new LockstepProcess(["http"], { ...home.env, ...env });
  running.push(lockstep);
  return { lockstep, url: await lockstep.url() };
}

describe("lockstep http", () => {
  it("prints where it is, where the data lies, and how an agent, an IDE and curl connect", async () => {
    const { lockstep, url } = await startHttp();

    expect(lockstep.stdout).toContain(`SQLite file ${home.env["LOCKSTEP_SQLITE_FILE"]}`);
    const snippets = lockstep.stdout.match(/^ {4}\{.*\}$/gm) ?? [];
    expect(snippets.map((snippet) => JSON.parse(snippet) as object)).toEqual([
      { mcpServers: { lockstep: { type: "http", url: `${url}/mcp` } } },
      { servers: { lockstep: { type: "http", url: `${url}/mcp` } } },
    ]);
    expect(lockstep.stdout).toContain(`curl -X POST ${url}/mcp/message`);
    // Its log comes by another way than its start screen.
    await waitUntil(() => lockstep.stderr.endsWith("\n"), { what: "whole lines of its log" });
    const logLines = lockstep.stderr.trim().split("\n");
    expect(() => logLines.forEach((line) => void JSON.parse(line))).not.toThrow();
  });

  it("answers the documented curl command", async () => {
    const { url } = await startHttp();

    const header = "Content-Type: application/json";
    const body = '{"method": "tools/call", "params": {"name": "hybrid_sync_stats"}}';
    const address = `http://localhost:${new URL(url).port}/mcp/message`;
    const answer = await curl("-X", "POST", address, "-H", header, "-d", body);

    expect(answer.status).toBe(200);
    const { result } = JSON.parse(answer.body) as {
      result: { content: { text: string }[]; structuredContent: { pool: object } };
    };
    expect(result.structuredContent.pool).toMatchObject({ max: 10 });
    expect(JSON.parse(result.content[0]?.text ?? "")).toEqual(result.structuredContent);
  });

  it("ends with 0 on SIGTERM, streams and all", async () => {
    const { lockstep, url } = await startHttp();
    const stream = readEvents(await fetch(`${url}/sse`));
    await stream.next();

    expect(await lockstep.stop()).toBe(0);
    expect((await stream.next()).done).toBe(true);
  });

  it("says in one line that its port is taken, and ends with 2", async () => {
    const { url } = await startHttp();

    const { code, stderr } = await runLockstep(["http"], {
      ...home.env,
      LOCKSTEP_HTTP_PORT: new URL(url).port,
    });

    expect(code).toBe(2);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain("LOCKSTEP_HTTP_PORT");
  });

  it("does not listen for other machines without a token, and ends with 2", async () => {
    const env = { ...home.env, LOCKSTEP_HTTP_HOST: "0.0.0.0" };

    const { code, stderr } = await runLockstep(["http"], env);

    expect(code).toBe(2);
    expect(stderr).toContain("LOCKSTEP_HTTP_TOKEN");
  });

  it("serves other machines with a token, which it never prints", async () => {
    const { lockstep, url } = await startHttp({
      LOCKSTEP_HTTP_HOST: "0.0.0.0",
      LOCKSTEP_HTTP_TOKEN: "very-secret-token",
      LOCKSTEP_LOG_LEVEL: "debug",
    });
    const message = ["-H", "Content-Type: application/json", "-d", JSON.stringify(initialize)];
    const token = ["-H", "Authorization: Bearer very-secret-token"];

    expect((await curl(`${url}/mcp`, ...message)).status).toBe(401);
    expect((await curl(`${url}/mcp`, ...message, ...token)).status).toBe(200);
    expect(lockstep.stdout).toContain("Authorization: Bearer $LOCKSTEP_HTTP_TOKEN");
    expect(lockstep.stdout).not.toContain("very-secret-token");
  });
});

describe("the shell form", () => {
  const run = (...args: readonly string[]) => runLockstep(args, home.env);

  it("runs a tool with and without the word call, and keeps text as text", async () => {
    const words = "call hybrid_sync_manual key=test value=300 ttlSec=300 --json".split(" ");

    const set = await run(...words);
    const got = await run("kv_get", "key=test", "--json");

    expect(set).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(set.stdout)).toMatchObject({ key: "test", method: "ASYNC_THREAD" });
    expect(JSON.parse(got.stdout)).toMatchObject({ found: true, value: "300" });
  });

  it("prints for people unless told otherwise", async () => {
    const { code, stdout } = await run("kv_get", "key=nothing");

    expect(code).toBe(0);
    expect(stdout).toContain("found: false\n");
  });

  it("ends with 2 when the tool refuses its input, and says what to do", async () => {
    const { code, stdout, stderr } = await run("kv_set", "key=lockstep:x", "value=1");

    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^KEY_RESERVED: .*\nChoose a key/);
  });

  it.each([
    [["kv_gt", "key=a"], "Did you mean kv_get?"],
    [["kv_get"], "kv_get also needs key=…"],
    [["kv_get", "kee=a"], "did you mean key?"],
    [["kv_set", "key=a", "value=b", "ttlSec=soon"], "ttlSec takes a number"],
    [["--nonsense"], "There is no option --nonsense"],
    [["kv_get", "key=a", "--url", "http://127.0.0.1:1"], "cannot be reached"],
  ])("ends with 2 on %j", async (args, message) => {
    const { code, stdout, stderr } = await run(...args);

    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
  });

  it("asks a running server, whichever of its addresses it is given", async () => {
    const { lockstep, url } = await startHttp({ LOCKSTEP_HTTP_TOKEN: "t0ken" });
    const env = { ...home.env, LOCKSTEP_HTTP_TOKEN: "t0ken" };

    for (const path of ["", "/mcp", "/mcp/message"]) {
      const args = ["hybrid_sync_stats", "--json", "--url", `${url}${path}`];
      const { code, stdout } = await runLockstep(args, env);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ pid: lockstep.child.pid });
    }
  });

  it("ends with 2 when the server wants a token that it has not", async () => {
    const { url } = await startHttp({ LOCKSTEP_HTTP_TOKEN: "t0ken" });

    const { code, stderr } = await run("hybrid_sync_stats", "--url", url);

    expect(code).toBe(2);
    expect(stderr).toContain("LOCKSTEP_HTTP_TOKEN");
  });

  it("helps: in general, with one tool, and with its version", async () => {
    const [general, tool, version] = await Promise.all([
      run("--help"),
      run("kv_set", "--help"),
      run("--version"),
    ]);

    expect(general).toMatchObject({ code: 0, stderr: "" });
    expect(general.stdout).toContain("verify_cache_sync");
    expect(tool.stdout).toContain("lockstep kv_set key=… value=… [ttlSec=…]");
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
