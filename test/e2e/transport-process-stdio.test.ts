import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { LockstepProcess, openHome, runLockstep } from "../support/lockstep-process.ts";
import { initialize, toolCall } from "../support/mcp-messages.ts";
import { waitUntil } from "../support/wait-until.ts";

let home: Awaited<ReturnType<typeof openHome>>;
let running: LockstepProcess[] = [];

beforeEach(async () => {
  home = await openHome();
});
afterEach(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all(running.map(({ exitCode }) => exitCode));
  running = [];
  await home.remove();
});

function start(env: Record<string, string> = {}, args: readonly string[] = []): LockstepProcess {
  const lockstep = new LockstepProcess(args, { ...home.env, ...env });
  running.push(lockstep);
  return lockstep;
}

describe("the program over stdio", () => {
  it("answers everything that was piped into it, and ends with 0", async () => {
    const lockstep = start();
    lockstep.send(
      initialize,
      { jsonrpc: "2.0", method: "notifications/initialized" },
      toolCall(1, "kv_set", { key: "greeting", value: "hello" }),
      toolCall(2, "verify_cache_sync"),
      { jsonrpc: "2.0", id: 3, method: "tools/list" },
    );
    lockstep.child.stdin?.end();

    expect(await lockstep.exitCode).toBe(0);
    expect(new Set(lockstep.messages().map(({ id }) => id))).toEqual(new Set([0, 1, 2, 3]));
    expect(lockstep.stderr).toContain("stdin closed");
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("ends with 0 on %s", async (signal) => {
    const lockstep = start();
    lockstep.send(initialize);
    await lockstep.answerTo(0);

    expect(await lockstep.stop(signal)).toBe(0);
  });

  it("ends with 0 when its client stops reading", async () => {
    const lockstep = start();
    lockstep.send(initialize);
    await lockstep.answerTo(0);

    lockstep.child.stdout?.destroy();
    lockstep.send(toolCall(1, "hybrid_sync_stats"), toolCall(2, "hybrid_sync_stats"));

    expect(await lockstep.exitCode).toBe(0);
    expect(lockstep.stderr).toContain("stdout closed");
  });

  it("lives on when nobody reads its log", async () => {
    const lockstep = start({ LOCKSTEP_LOG_LEVEL: "debug" });
    lockstep.child.stderr?.destroy();
    lockstep.send(initialize);
    for (let id = 1; id <= 20; id += 1) lockstep.send(toolCall(id, "hybrid_sync_stats"));

    await lockstep.answerTo(20);
    lockstep.child.stdin?.end();

    expect(await lockstep.exitCode).toBe(0);
  });

  it("answers what is not a message with an error, and goes on", async () => {
    const lockstep = start();

    lockstep.child.stdin?.write('{"jsonrpc":\n[1,2]\n');
    lockstep.send(initialize);
    await lockstep.answerTo(0);

    const errors = lockstep.messages().filter(({ error }) => error !== undefined);
    expect(errors.map(({ error }) => error?.code)).toEqual([-32_700, -32_600]);
  });

  it("writes nothing but the protocol to stdout, and its log as JSON to stderr", async () => {
    const lockstep = start({ LOCKSTEP_LOG_LEVEL: "debug" });
    lockstep.send(initialize, toolCall(1, "kv_get", { key: "a" }), toolCall(2, "nope"));
    await lockstep.answerTo(1);
    await lockstep.answerTo(2);

    expect(lockstep.messages()).toHaveLength(3);
    await waitUntil(
      () => lockstep.stderr.includes('"tool":"kv_get"') && lockstep.stderr.endsWith("\n"),
    );
    for (const line of lockstep.stderr.trim().split("\n")) {
      expect(JSON.parse(line)).toHaveProperty("level");
    }
  });

  it("logs its settings with secrets masked", async () => {
    const lockstep = start({
      LOCKSTEP_HTTP_TOKEN: "very-secret-token",
      LOCKSTEP_LOG_LEVEL: "debug",
      LOCKSTEP_HTPP_PORT: "1",
    });
    lockstep.send(initialize);
    await lockstep.answerTo(0);
    await waitUntil(() => lockstep.stderr.includes("serves stdin and stdout"));

    expect(lockstep.stderr).toContain('"httpToken":"***"');
    expect(lockstep.stderr).not.toContain("very-secret-token");
    expect(lockstep.stderr).toContain("Did you mean LOCKSTEP_HTTP_PORT?");
  });
});

describe("an unexpected error", () => {
  it("is logged without secrets and ends the program in order, with 2", async () => {
    const fault = `process.on("SIGUSR2", () => { throw new Error("very-secret-token leaked"); })`;
    const lockstep = start({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}`,
      LOCKSTEP_HTTP_TOKEN: "very-secret-token",
    });
    lockstep.send(initialize);
    await lockstep.answerTo(0);

    expect(await lockstep.stop("SIGUSR2")).toBe(2);
    expect(lockstep.stderr).toContain("*** leaked");
    expect(lockstep.stderr).not.toContain("very-secret-token");
  });
});

describe("a configuration that cannot be", () => {
  it.each([
    [{ LOCKSTEP_HTTP_PORT: "many", LOCKSTEP_READ_THROUGH: "2" }, /READ_THROUGH .*; .*HTTP_PORT /],
    [{ REDIS_URL: "$" + "{REDIS_URL}" }, /REDIS_URL holds the text \$\{REDIS_URL\}/],
    [{ MONGODB_URI: "http://user:hunter22@db" }, /MONGODB_URI must begin with mongodb:/],
    [{ LOCKSTEP_SQLITE_FILE: "/dev/null/x.db" }, /\/dev\/null/],
  ])("%j ends with one line and code 2", async (env, message) => {
    const { code, stdout, stderr } = await runLockstep([], { ...home.env, ...env });

    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("hunter22");
  });
});
