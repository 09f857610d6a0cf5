import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import {
  type OpenLockstep,
  openLockstep,
  type Variables,
} from "../support/lockstep/open-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";

/** More than one page of them. */
const keys = Array.from({ length: 150 }, (_, at) => `user:${String(at).padStart(3, "0")}`);
const moved = "user:007";
const refused = "user:070";

/** A store as a person with a shell sees it. */
interface ByHand {
  /** Behind Redis a row that is gone is brought back, and without it one that was edited. */
  readonly spoil: (how: "remove" | "edit") => Promise<void>;
  /** From now on a rule of the store refuses this key. */
  readonly forbid: (key: string) => Promise<void>;
}

function sqliteByHand(file: string): ByHand {
  const run = async (sql: string) => {
    const { DatabaseSync } = await loadSqlite();
    const shell = new DatabaseSync(file);
    shell.exec(sql);
    shell.close();
  };
  return {
    spoil: (how) =>
      run(
        how === "remove"
          ? "DELETE FROM kvshadow"
          : "UPDATE kvshadow SET value = CAST('edited' AS BLOB)",
      ),
    forbid: (key) =>
      run(`CREATE TRIGGER forbid BEFORE INSERT ON kvshadow
           WHEN NEW.key = CAST('${key}' AS BLOB) BEGIN SELECT RAISE(ABORT, 'by a rule'); END`),
  };
}

/** Plans for all keys, of which one is then written and one forbidden, applies the plan, and tells what that came to. */
async function mendAllButTwo(
  variables: Variables,
  { spoil, forbid }: ByHand,
  how: "remove" | "edit",
) {
  const lockstep: OpenLockstep = await openLockstep(variables);
  try {
    await Promise.all(keys.map((key) => lockstep.call("kv_set", { key, value: "ours" })));
    await spoil(how);
    const { planId, repairs } = await lockstep.call("plan_sync_repair", { strategy: "auto" });
    await lockstep.call("kv_set", { key: moved, value: "live" });
    await forbid(refused);
    const applied = await lockstep.call("apply_sync_repair", { planId });
    const { cacheVsShadowSync } = await lockstep.call("verify_cache_sync");
    const read = keys
      .filter((key) => key !== refused)
      .map((key) => lockstep.call("kv_get", { key }));
    return {
      repairs,
      applied,
      drift: cacheVsShadowSync.mismatches.map(({ key }: { key: string }) => key),
      values: Object.fromEntries((await Promise.all(read)).map(({ key, value }) => [key, value])),
    };
  } finally {
    await lockstep.close();
  }
}

const MENDED_BUT_TWO = {
  repairs: keys.length,
  applied: {
    applied: keys.length - 2,
    moved: 1,
    movedKeys: [moved],
    failed: 1,
    failedKeys: [{ key: refused }],
  },
  drift: [refused],
  values: Object.fromEntries(
    keys.filter((key) => key !== refused).map((key) => [key, key === moved ? "live" : "ours"]),
  ),
};

describe("the pages of a repair plan", () => {
  let folder: string;
  let file: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lockstep-plan-pages-"));
    file = join(folder, "lockstep.db");
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it("are mended in SQLite but for a key that moved and one that is refused", async () => {
    const variables = { LOCKSTEP_SQLITE_FILE: file };

    expect(await mendAllButTwo(variables, sqliteByHand(file), "edit")).toMatchObject(
      MENDED_BUT_TWO,
    );
  });

  describeWith(["redis", "mongodb"], "behind servers", () => {
    const backends = useBackends();

    function mongoByHand(): ByHand {
      return {
        spoil: async (how) => {
          if (how === "remove") await backends.rows.deleteMany({});
          else await backends.rows.updateMany({}, { $set: { lastValue: "edited" } });
        },
        forbid: async (key) => {
          const validator = { _id: { $ne: key } };
          await backends.database.command({ collMod: "kvshadow", validator });
        },
      };
    }

    it("are mended in MongoDB but for a key that moved and one that is refused", async () => {
      const { MONGODB_URI = "" } = backends.variables();

      expect(await mendAllButTwo({ MONGODB_URI }, mongoByHand(), "edit")).toMatchObject(
        MENDED_BUT_TWO,
      );
    });

    it("are mended in SQLite from Redis but for a key that moved and one that is refused", async () => {
      const { REDIS_URL = "" } = backends.variables();
      const variables = { REDIS_URL, LOCKSTEP_SQLITE_FILE: file };

      expect(await mendAllButTwo(variables, sqliteByHand(file), "remove")).toMatchObject(
        MENDED_BUT_TWO,
      );
    });

    it("are mended in MongoDB from Redis but for a key that moved and one that is refused", async () => {
      const variables = backends.variables();

      expect(await mendAllButTwo(variables, mongoByHand(), "remove")).toMatchObject(MENDED_BUT_TWO);
    });
  });
});
