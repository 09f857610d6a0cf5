import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "@jest/globals";
import type { Variables } from "../support/lockstep/open-lockstep.ts";
import { ProxiedServers } from "../support/lockstep/proxied-servers.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { LockstepProcess, openHome, runLockstep } from "../support/lockstep-process.ts";
import { UserApp } from "../support/models/user-app.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { mongoCommand } from "../support/servers/mongo-command.ts";
import { waitUntil } from "../support/wait-until.ts";

const MODEL = "accounts.User";
const USERS = 600;
const ROWS = 200;
const RECONCILE = ["reconcile_cache", "--batch-size", "50", "--max-instances", "1000000", "--json"];

const QUIET = { LOCKSTEP_LOG_LEVEL: "error" };
const FIND_ROWS = mongoCommand("find", "kvshadow");
const FIND_USERS = mongoCommand("find", "users");

/** The bound of the command itself is 1.5 s; a machine under load gets more. */
const ENDS_WITHIN_MS = 6_000;

describeWith(["redis", "mongodb"], "A long command that is told to stop", () => {
  const backends = useBackends();
  let app: UserApp;
  let home: Awaited<ReturnType<typeof openHome>>;
  let proxied: ProxiedServers;
  let running: LockstepProcess | undefined;
  beforeAll(() => {
    app = new UserApp(backends);
  });
  beforeEach(async () => {
    home = await openHome();
    proxied = await ProxiedServers.open(backends);
  });
  afterEach(async () => {
    running?.child.kill("SIGKILL");
    await running?.exitCode;
    await proxied.close();
    await home.remove();
  });
  afterAll(() => app.close());

  it.each(["SIGINT", "SIGTERM"] as const)(
    "ends a reconciliation between two batches on %s, which the next one goes on with",
    async (signal) => {
      await app.store(...Array.from({ length: USERS }, (_, at) => app.user(at + 1)));
      start(RECONCILE, backends.variables(settings({ perSec: 100 })));
      const records = backends.database.collection("lockstep_records");
      await waitUntil(async () => (await records.countDocuments()) > 0, {
        what: "its first place",
      });

      const stopped = await stop(signal);
      const entries = (await backends.client.keys("user:*")).length;
      const locks = await backends.client.keys("lock:*");
      const again = await run(RECONCILE, backends.variables(settings({ perSec: 0 })));

      expect(stopped).toEqual({
        code: 2,
        stdout: "",
        stderr: told("The same command goes on from there."),
      });
      expect(entries).toBeGreaterThan(0);
      expect(entries).toBeLessThan(USERS);
      expect(locks).toEqual([]);
      expect(again.code).toBe(0);
      const { checked, created, models } = JSON.parse(again.stdout) as Record<string, unknown>;
      expect({ checked, created }).toEqual({ checked: USERS - entries, created: USERS - entries });
      expect(models).toMatchObject([{ resumed: true, complete: true, conflicts: 0 }]);
    },
    60_000,
  );

  it("leaves one that hangs as a crash would leave it", async () => {
    await app.store(...Array.from({ length: USERS }, (_, at) => app.user(at + 1)));
    const held = proxied.redis.holdAt((piece) => piece.includes(`lock:${MODEL}:`));
    start(RECONCILE, proxied.variables(settings({ perSec: 0 })));
    await held;

    const stopped = await stop("SIGINT");
    const again = await run(RECONCILE, backends.variables(settings({ perSec: 0 })));

    expect(stopped).toMatchObject({
      code: 2,
      stderr: told("The same command goes on from there."),
    });
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ created: USERS, complete: true });
  }, 60_000);

  it("ends at once when it is told a second time", async () => {
    await app.store(app.user(1));
    const held = proxied.redis.holdAt((piece) => piece.includes(`lock:${MODEL}:`));
    const { child } = start(RECONCILE, proxied.variables(settings({ perSec: 0 })));
    await held;

    // Two of one kind might arrive as one.
    child.kill("SIGINT");
    const stopped = await stop("SIGTERM");

    // Of the one that came second.
    expect([130, 143]).toContain(stopped.code);
    expect(stopped.stderr).toBe("");
  }, 60_000);

  it.each([
    { command: "check", args: ["check"] },
    { command: "reconcile_cache --check-only", args: ["reconcile_cache", "--check-only"] },
  ])(
    "says of $command that it has changed nothing",
    async ({ args }) => {
      await app.store(...Array.from({ length: USERS }, (_, at) => app.user(at + 1)));
      await plantRows();
      const held = proxied.mongo.holdAt(
        (piece) => piece.includes(FIND_ROWS) || piece.includes(FIND_USERS),
      );
      start(args, proxied.variables(settings({ perSec: 0 })));
      await held;

      expect(await stop("SIGINT")).toEqual({
        code: 2,
        stdout: "",
        stderr: told("It has changed nothing, and begins anew when it is run again."),
      });
    },
    60_000,
  );

  it("ends a backup between two chunks, which --resume goes on with", async () => {
    await plantRows();
    const file = join(home.folder, "shadow.backup");
    await slow("find");
    start(["backup", file], backends.variables(QUIET));
    await waitUntil(() => existsSync(`${file}.part`), { withinMs: 30_000, what: "its file" });

    const stopped = await stop("SIGINT");
    await backends.fault.lift();
    const again = await run(["backup", file, "--resume", "--json"], backends.variables(QUIET));

    expect(stopped).toEqual({
      code: 2,
      stdout: "",
      stderr: told("The same command with --resume goes on from there."),
    });
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ rows: ROWS, resumed: true });
  }, 60_000);

  it("ends a restore between two chunks, which is ended by another one", async () => {
    await plantRows();
    const file = join(home.folder, "shadow.backup");
    await run(["backup", file], backends.variables(QUIET));
    await backends.rows.deleteMany({});
    await slow("update");
    start(["restore", file], backends.variables(QUIET));
    await waitUntil(async () => (await backends.rows.countDocuments()) > 0, {
      withinMs: 30_000,
      what: "its first rows",
    });

    const stopped = await stop("SIGTERM");
    await backends.untilRowsRest();
    const there = await backends.rows.countDocuments();
    await backends.fault.lift();
    const again = await run(["restore", file, "--json"], backends.variables(QUIET));

    expect(stopped).toEqual({
      code: 2,
      stdout: "",
      stderr: told("Run it again: what is there by now is only looked at."),
    });
    expect(there).toBeLessThan(ROWS);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ fates: { restored: ROWS - there, there } });
  }, 60_000);

  function start(args: readonly string[], variables: Variables): LockstepProcess {
    running = new LockstepProcess(args, { ...home.env, ...variables });
    return running;
  }

  function run(args: readonly string[], variables: Variables) {
    return runLockstep(args, { ...home.env, ...variables });
  }

  /** Sends a signal and waits for the end, which must be soon. */
  async function stop(signal: NodeJS.Signals) {
    if (running === undefined) throw new Error("Nothing was started.");
    const { child, exitCode } = running;
    const sentMs = performance.now();
    child.kill(signal);
    const code = await exitCode;
    expect(performance.now() - sentMs).toBeLessThan(ENDS_WITHIN_MS);
    const { stdout, stderr } = running;
    return { code, stdout, stderr };
  }

  function settings({ perSec }: { readonly perSec: number }): Variables {
    return { ...QUIET, ...app.variables(), LOCKSTEP_RECONCILE_PER_SEC: String(perSec) };
  }

  /** Has a server write rows into the store, so many that they make several chunks. */
  async function plantRows(): Promise<void> {
    const lockstep = await backends.open();
    const keys = Array.from({ length: ROWS }, (_, at) => `key:${at}`);
    await Promise.all(
      keys.map((key) => lockstep.call("kv_set", { key, value: "v", ack: "shadow" })),
    );
  }

  /** MongoDB takes its time for each command of that name on the rows. */
  async function slow(command: "find" | "update"): Promise<void> {
    const namespace = backends.rowsNamespace;
    await backends.fault.set({ commands: [command], namespace, delayMs: 300 });
  }
});

function told(howToGoOn: string): string {
  return `lockstep: stopped. ${howToGoOn}\n`;
}
