import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { runCli } from "../../src/cli/run-cli.ts";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { useUserApp } from "../support/models/use-user-app.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-commands-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One command line, as a person or cron would type it, in this process. */
async function run(
  env: Readonly<Record<string, string>>,
  ...argv: readonly string[]
): Promise<Ran> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await runCli({
    argv,
    env,
    stdin: new PassThrough(),
    stdout,
    stderr,
    isTerminal: false,
    stop: new AbortController().signal,
    giveUp: () => undefined,
  });
  const textOf = (stream: PassThrough) => String(stream.read() ?? "");
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

const answerOf = ({ stdout }: Ran) => JSON.parse(stdout) as Record<string, unknown>;

describe("An operator of the embedded store", () => {
  const embedded = () => ({ LOCKSTEP_SQLITE_FILE: join(folder, "lockstep.db") });

  async function asPerson(sql: string): Promise<void> {
    const { DatabaseSync } = await loadSqlite();
    const shell = new DatabaseSync(embedded().LOCKSTEP_SQLITE_FILE);
    shell.exec(sql);
    shell.close();
  }

  it("checks a deployment before and after its first write", async () => {
    expect(await run(embedded(), "check", "--json")).toMatchObject({ code: 0 });

    await run(embedded(), "kv_set", "key=a", "value=1");
    const checked = await run(embedded(), "check", "--json");

    expect(checked.code).toBe(0);
    expect(answerOf(checked)).toMatchObject({
      passed: true,
      verification: { consistent: true, keysChecked: 1, counts: { cold: 1 }, mismatches: [] },
    });
  });

  it("is told by the check what is wrong, by key, and nothing is mended", async () => {
    await run(embedded(), "kv_set", "key=a", "value=1");
    await asPerson("UPDATE kvshadow SET value = x'32'");

    for (const _ of ["first", "again"]) {
      const checked = await run(embedded(), "check", "--json");
      expect(checked.code).toBe(1);
      expect(answerOf(checked)).toMatchObject({
        passed: false,
        verification: { consistent: false, mismatches: [{ key: "a", class: "corrupt" }] },
      });
    }
  });

  it("has nothing compared, and no index made, where the doctor finds a problem", async () => {
    await run(embedded(), "kv_set", "key=a", "value=1");
    await asPerson("DROP INDEX kvshadow_purge_at");

    const checked = await run(embedded(), "check");

    expect(checked.code).toBe(2);
    expect(checked.stdout).toMatch(/problem {2}sqlite indexes .*kvshadow_purge_at/);
    expect(checked.stdout).toContain("Nothing was compared");
    expect((await run(embedded(), "doctor")).code).toBe(1);
  });

  it("backs up, checks the file, and gets everything back after the loss of the store", async () => {
    const file = join(folder, "shadow.gz");
    await run(embedded(), "kv_set", "key=a", "value=1");
    await run(embedded(), "kv_set", "key=b", "value=2");
    await run(embedded(), "kv_delete", "key=b");

    const backedUp = await run(embedded(), "backup", file, "--gzip", "--json");
    const examined = await run({}, "restore", file, "--check-only", "--json");
    rmSync(embedded().LOCKSTEP_SQLITE_FILE);
    const restored = await run(embedded(), "restore", file, "--json");

    expect(backedUp.code).toBe(0);
    expect(answerOf(backedUp)).toMatchObject({ path: file, rows: 2, unsound: 0, resumed: false });
    expect(answerOf(examined)).toMatchObject({ rows: 2, isWhole: true });
    expect(answerOf(restored)).toMatchObject({ fates: { restored: 2 }, refused: 0 });
    expect(answerOf(await run(embedded(), "kv_get", "key=a", "--json"))).toMatchObject({
      value: "1",
    });
    expect(answerOf(await run(embedded(), "kv_get", "key=b", "--json"))).toMatchObject({
      found: false,
    });
  });

  it("hears exit code 2 and what to do where a command cannot run", async () => {
    const file = join(folder, "shadow.backup");
    writeFileSync(file, "not a backup");

    const restored = await run(embedded(), "restore", file);
    const backedUp = await run(embedded(), "backup", file);
    const misspelt = await run(embedded(), "docter");

    expect([restored.code, backedUp.code, misspelt.code]).toEqual([2, 2, 2]);
    expect(restored.stderr).toContain("BACKUP_DAMAGED");
    expect(backedUp.stderr).toContain("exists already. Name another file.");
    expect(misspelt.stderr).toContain("Did you mean doctor?");
    expect(readFileSync(file, "utf8")).toBe("not a backup");
  });

  it("finds every command in the help, and an explanation of each", async () => {
    const { stdout } = await run({}, "--help");

    for (const command of ["backup", "check", "doctor", "reconcile_cache", "restore"]) {
      expect(stdout).toContain(`  ${command} `);
      const explained = await run({}, command, "--help");
      expect(explained).toMatchObject({ code: 0 });
      expect(explained.stdout).toContain(`lockstep ${command} `);
      expect(explained.stdout).toContain("--json");
    }
  });
});

describeWith(["redis", "mongodb"], "An operator of real servers", () => {
  const backends = useBackends();
  const app = useUserApp(backends);

  it("reconciles what an application caches, from cron, and is told by the exit code", async () => {
    const variables = backends.variables(app.variables());
    await app.store(app.user(1, 2), app.user(2, 1));
    await app.cache(app.user(1, 1), app.user(3, 1));
    const reconcile = (...options: readonly string[]) =>
      run(variables, "reconcile_cache", "--model", "accounts.User", "--json", ...options);

    const looked = await reconcile("--check-only");
    const partly = await reconcile("--check-only", "--max-instances", "1");
    const done = await reconcile("--batch-size", "500", "--max-instances", "10000");
    const again = await reconcile("--check-only");
    const unknown = await run(variables, "reconcile_cache", "--model", "accounts.Usr");

    const changes = { created: 1, updated: 1, removed: 1, complete: true };
    expect([looked.code, partly.code, done.code]).toEqual([1, 1, 0]);
    expect([again.code, unknown.code]).toEqual([0, 2]);
    expect(answerOf(partly)).toMatchObject({ complete: false });
    expect(answerOf(looked)).toMatchObject({ checkOnly: true, ...changes });
    expect(answerOf(done)).toMatchObject({ checkOnly: false, ...changes });
    expect(answerOf(again)).toMatchObject({ created: 0, updated: 0, removed: 0 });
    expect(unknown.stderr).toContain("accounts.User");
  }, 120_000);

  it("is told of what is done, and of each model that could not be gone through", async () => {
    const variables = backends.variables(
      app.variablesOf(
        { name: "broken", collection: "broken", key: "broken:{_id}" },
        { name: "whole", collection: "users", key: "user:{_id}" },
      ),
    );
    await app.store(app.user(1));
    // Every read of it fails.
    const pipeline = [{ $set: { x: { $divide: [1, 0] } } }];
    await backends.database.createCollection("broken", { viewOn: "users", pipeline });

    const done = await run(variables, "reconcile_cache", "--json");

    expect(done.code).toBe(2);
    expect(answerOf(done)).toMatchObject({
      complete: false,
      created: 1,
      models: [
        { model: "broken", error: expect.stringMatching(/^[A-Z_]+: /) },
        { model: "whole", created: 1, complete: true },
      ],
    });
    expect(done.stderr).toContain("lockstep: broken: ");
    expect(await app.cached(1)).toBe(1);
  }, 120_000);

  it("restores under a running server, whose cache then shows what came back", async () => {
    const file = join(folder, "shadow.backup");
    const lockstep = await backends.open();
    await lockstep.call("kv_set", { key: "a", value: "backed up", ack: "shadow" });
    const backedUp = await run(backends.variables(), "backup", file);
    // The store goes back to before that, and Redis follows what it finds there.
    const [row] = await backends.rows.find({ _id: "a" }).toArray();
    await backends.rows.updateOne(
      { _id: "a" },
      { $set: { version: `00000001${"0".repeat(16)}`, lastValue: "older" } },
    );
    await backends.client.del("a", "lockstep:m:a");

    const restored = await run(backends.variables(), "restore", file, "--json");
    const read = await lockstep.call("kv_get", { key: "a" });
    // Until the server has noticed the new epoch, it does not call a write safe.
    const written = await waitUntil(() => lockstep.call("kv_set", { key: "a", value: "later" }), {
      what: "a write to be acknowledged under the new epoch",
    });

    expect(backedUp.code).toBe(0);
    expect(answerOf(restored)).toMatchObject({ fates: { restored: 1 } });
    expect(read).toMatchObject({ value: "backed up", version: row?.version });
    expect(String(written.version) > String(row?.version)).toBe(true);
  }, 120_000);

  it("brings back a row whose bucket it has met before, among rows that are there", async () => {
    const file = join(folder, "some-lost.backup");
    const lockstep = await backends.open();
    const keys = Array.from({ length: 100 }, (_, at) => `key:${String(at).padStart(2, "0")}`);
    for (const key of keys)
      await lockstep.call("kv_set", { key, value: `value of ${key}`, ack: "shadow" });
    const backedUp = await run(backends.variables(), "backup", file);
    const lost = "key:99";
    await backends.rows.deleteOne({ _id: lost });
    await backends.client.del(lost, `lockstep:m:${lost}`);

    const restored = await run(backends.variables(), "restore", file, "--json");
    const read = await lockstep.call("kv_get", { key: lost });

    expect([backedUp.code, restored.code]).toEqual([0, 0]);
    expect(answerOf(restored)).toMatchObject({ fates: { restored: 1, there: 99 } });
    expect(read).toMatchObject({ value: `value of ${lost}` });
  }, 120_000);
});
