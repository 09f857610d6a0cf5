import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "@jest/globals";
import type { Variables } from "../support/lockstep/open-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { useLongCommand } from "../support/lockstep/use-long-command.ts";
import type { LockstepProcess } from "../support/lockstep-process.ts";
import { useUserApp } from "../support/models/use-user-app.ts";
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
  const app = useUserApp(backends);
  const command = useLongCommand(backends);

  it.each(["SIGINT", "SIGTERM"] as const)(
    "ends a reconciliation between two batches on %s, which the next one goes on with",
    async (signal) => {
      await app.store(...Array.from({ length: USERS }, (_, at) => app.user(at + 1)));
      const started = command.start(RECONCILE, backends.variables(settings({ perSec: 100 })));
      const records = backends.database.collection("lockstep_records");
      await waitUntil(async () => (await records.countDocuments()) > 0, {
        withinMs: 30_000,
        what: "its first place",
      });

      const stopped = await stop(started, signal);
      const entries = (await backends.client.keys("user:*")).length;
      const locks = await backends.client.keys("lock:*");
      const again = await command.run(RECONCILE, backends.variables(settings({ perSec: 0 })));

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

  it("tells of the models that it had gone through before it was stopped", async () => {
    const users = Array.from({ length: USERS }, (_, at) => app.user(at + 1));
    await app.store(app.user(1));
    await backends.database.collection<{ _id: object }>("others").insertMany(users);
    const variables = {
      ...QUIET,
      ...app.variablesOf(
        { name: "first", collection: "users", key: "user:{_id}" },
        { name: "second", collection: "others", key: "other:{_id}" },
      ),
      LOCKSTEP_RECONCILE_PER_SEC: "100",
    };
    const started = command.start(RECONCILE, backends.variables(variables));
    await waitUntil(async () => (await backends.client.keys("other:*")).length > 0, {
      what: "the second model to be begun",
    });

    const stopped = await stop(started, "SIGINT");

    expect(stopped).toMatchObject({
      code: 2,
      stderr: told("The same command goes on from there."),
    });
    expect(JSON.parse(stopped.stdout)).toMatchObject({
      complete: false,
      models: [
        { model: "first", created: 1, complete: true },
        { model: "second", error: expect.stringContaining("ABORTED") },
      ],
    });
  }, 60_000);

  it("leaves one that hangs as a crash would leave it", async () => {
    await app.store(...Array.from({ length: USERS }, (_, at) => app.user(at + 1)));
    const held = command.proxied.redis.holdAt((piece) => piece.includes(`lock:${MODEL}:`));
    const started = command.start(RECONCILE, command.proxied.variables(settings({ perSec: 0 })));
    await held;

    const stopped = await stop(started, "SIGINT");
    const again = await command.run(RECONCILE, backends.variables(settings({ perSec: 0 })));

    expect(stopped).toMatchObject({
      code: 2,
      stderr: told("The same command goes on from there."),
    });
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ created: USERS, complete: true });
  }, 60_000);

  it("ends at once when it is told a second time", async () => {
    await app.store(app.user(1));
    const held = command.proxied.redis.holdAt((piece) => piece.includes(`lock:${MODEL}:`));
    const started = command.start(RECONCILE, command.proxied.variables(settings({ perSec: 0 })));
    await held;

    // Two of one kind might arrive as one.
    started.child.kill("SIGINT");
    const stopped = await stop(started, "SIGTERM");

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
      const held = command.proxied.mongo.holdAt(
        (piece) => piece.includes(FIND_ROWS) || piece.includes(FIND_USERS),
      );
      const started = command.start(args, command.proxied.variables(settings({ perSec: 0 })));
      await held;

      expect(await stop(started, "SIGINT")).toEqual({
        code: 2,
        stdout: "",
        stderr: told("It has changed nothing, and begins anew when it is run again."),
      });
    },
    60_000,
  );

  it("ends a backup between two chunks, which --resume goes on with", async () => {
    await plantRows();
    const file = join(command.folder, "shadow.backup");
    await slow("find");
    const started = command.start(["backup", file], backends.variables(QUIET));
    await waitUntil(() => existsSync(`${file}.part`), { withinMs: 30_000, what: "its file" });

    const stopped = await stop(started, "SIGINT");
    await backends.fault.lift();
    const again = await command.run(
      ["backup", file, "--resume", "--json"],
      backends.variables(QUIET),
    );

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
    const file = join(command.folder, "shadow.backup");
    await command.run(["backup", file], backends.variables(QUIET));
    await backends.rows.deleteMany({});
    await slow("update");
    const started = command.start(["restore", file], backends.variables(QUIET));
    await waitUntil(async () => (await backends.rows.countDocuments()) > 0, {
      withinMs: 30_000,
      what: "its first rows",
    });

    const stopped = await stop(started, "SIGTERM");
    await backends.untilRowsRest();
    const there = await backends.rows.countDocuments();
    await backends.fault.lift();
    const again = await command.run(["restore", file, "--json"], backends.variables(QUIET));

    expect(stopped).toEqual({
      code: 2,
      stdout: "",
      stderr: told("Run it again: what is there by now is only looked at."),
    });
    expect(there).toBeLessThan(ROWS);
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ fates: { restored: ROWS - there, there } });
  }, 60_000);

  /** Sends a signal and waits for the end, which must be soon. */
  async function stop(started: LockstepProcess, signal: NodeJS.Signals) {
    const sentMs = performance.now();
    const code = await started.stop(signal);
    expect(performance.now() - sentMs).toBeLessThan(ENDS_WITHIN_MS);
    const { stdout, stderr } = started;
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
