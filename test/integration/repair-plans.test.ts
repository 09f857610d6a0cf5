import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import type { Caller } from "../support/lockstep/caller.ts";
import { type OpenLockstep, openLockstep } from "../support/lockstep/open-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const keys = Array.from({ length: 20 }, (_, at) => `user:${String(at).padStart(2, "0")}`);
/** One in each group of keys that are repaired at once. */
const heldKeys = keys.filter((_, at) => at === 2 || at === 10);

async function planned(lockstep: Caller, strategy = "auto"): Promise<string> {
  const { planId } = await lockstep.call("plan_sync_repair", { strategy });
  if (planId === null) throw new Error("Nothing was planned.");
  return planId;
}

async function valuesIn(lockstep: Caller): Promise<Record<string, string | null>> {
  const read = keys.map((key) => lockstep.call("kv_get", { key }));
  return Object.fromEntries((await Promise.all(read)).map(({ key, value }) => [key, value]));
}

/** What every key should hold, but for those that are named. */
function all(value: string, but: Readonly<Record<string, string | null>> = {}) {
  return { ...Object.fromEntries(keys.map((key) => [key, value])), ...but };
}

describeWith(["redis", "mongodb"], "a repair plan", () => {
  const backends = useBackends();

  async function openDrifted(): Promise<OpenLockstep> {
    const lockstep = await backends.open();
    await Promise.all(keys.map((key) => lockstep.call("kv_set", { key, value: "ours" })));
    await Promise.all(keys.map((key) => backends.client.set(key, "theirs")));
    return lockstep;
  }

  it("refuses the keys that were written since, and its undo restores the others", async () => {
    const lockstep = await openDrifted();
    const planId = await planned(lockstep);
    const writer = await backends.open();
    const [set = "", deleted = "", changed = "", later = ""] = keys;
    await writer.call("kv_set", { key: set, value: "live" });
    await writer.call("kv_delete", { key: deleted });
    await backends.client.set(changed, "theirs again");

    const applied = await lockstep.call("apply_sync_repair", { planId });

    expect(applied).toMatchObject({ applied: 17, moved: 3, failed: 0, failedKeys: [] });
    expect([...applied.movedKeys].sort()).toEqual([set, deleted, changed].sort());
    const stands = { [set]: "live", [deleted]: null, [changed]: "theirs again" };
    expect(await valuesIn(lockstep)).toEqual(all("theirs", stands));

    await writer.call("kv_set", { key: later, value: "live" });
    const undone = await writer.call("undo_sync_repair", { planId });

    expect(undone).toMatchObject({ restored: 16, moved: 1, nothing: 3, movedKeys: [later] });
    expect(await valuesIn(lockstep)).toEqual(all("ours", { ...stands, [later]: "live" }));
    const { cacheVsShadowSync } = await lockstep.call("verify_cache_sync");
    expect(cacheVsShadowSync.mismatches).toEqual([{ key: changed, class: "changed_outside" }]);
  });

  it("that a killed process was applying is finished, and undone, by another", async () => {
    await (await openDrifted()).close();
    // Keys without version want the fill lease, which somebody holds: the process is kept busy with them.
    await Promise.all(heldKeys.map((key) => backends.client.del(`lockstep:m:${key}`)));
    const leases = heldKeys.map((key) => `lockstep:l:${key}`);
    await Promise.all(leases.map((lease) => backends.client.set(lease, "another")));
    const dying = await backends.startProcess();
    const planId = await planned(dying);
    const applying = Promise.allSettled([dying.call("apply_sync_repair", { planId })]);
    await waitUntil(() => backends.rows.findOne({ lastValue: "theirs" }), { everyMs: 5 });
    await dying.kill();
    await applying;
    await backends.client.del(...leases);

    const lockstep = await backends.open();
    expect(await lockstep.call("apply_sync_repair", { planId })).toMatchObject({
      applied: 20,
      moved: 0,
      failed: 0,
    });
    expect(await valuesIn(lockstep)).toEqual(all("theirs"));
    expect(await lockstep.call("undo_sync_repair", { planId })).toMatchObject({
      restored: 20,
      moved: 0,
    });
    expect(await valuesIn(lockstep)).toEqual(all("ours"));
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });
});

describe("a repair plan of the embedded server", () => {
  let folder: string;
  let file: string;
  let lockstep: OpenLockstep;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "lockstep-plans-"));
    file = join(folder, "lockstep.db");
    lockstep = await openLockstep({ LOCKSTEP_SQLITE_FILE: file });
    await Promise.all(keys.map((key) => lockstep.call("kv_set", { key, value: "ours" })));
    await edit("edited");
  });

  afterEach(async () => {
    await lockstep.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A person changes values in the file, and not their hashes. */
  async function edit(value: string, where = "1"): Promise<void> {
    const { DatabaseSync } = await loadSqlite();
    const shell = new DatabaseSync(file);
    shell.exec(`UPDATE kvshadow SET value = CAST('${value}' AS BLOB) WHERE ${where}`);
    shell.close();
  }

  it("refuses the keys that were changed since, and its undo restores the others", async () => {
    const planId = await planned(lockstep);
    const [set = "", edited = "", later = ""] = keys;
    await lockstep.call("kv_set", { key: set, value: "live" });
    await edit("edited again", `key = CAST('${edited}' AS BLOB)`);

    const applied = await lockstep.call("apply_sync_repair", { planId });

    expect(applied).toMatchObject({ applied: 18, moved: 2, failed: 0 });
    expect([...applied.movedKeys].sort()).toEqual([set, edited]);
    await lockstep.call("kv_set", { key: later, value: "live" });
    expect(await lockstep.call("undo_sync_repair", { planId })).toMatchObject({
      restored: 17,
      moved: 1,
      nothing: 2,
    });
    const values = await Promise.all(
      keys.filter((key) => key !== edited).map((key) => lockstep.call("kv_get", { key })),
    );
    expect(Object.fromEntries(values.map(({ key, value }) => [key, value]))).toEqual({
      ...all("edited", { [set]: "live", [later]: "live" }),
      [edited]: undefined,
    });
  });

  it("outlives its process, and sees that the copies which were the evidence have gone", async () => {
    const planId = await planned(lockstep);
    await lockstep.close();
    lockstep = await openLockstep({ LOCKSTEP_SQLITE_FILE: file });

    expect(await lockstep.call("apply_sync_repair", { planId })).toMatchObject({
      applied: 0,
      moved: 20,
    });
    const believing = await planned(lockstep, "store");
    expect(await lockstep.call("apply_sync_repair", { planId: believing })).toMatchObject({
      applied: 20,
    });
    expect(await valuesIn(lockstep)).toEqual(all("edited"));
  });
});
