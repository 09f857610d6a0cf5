import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { openLockstep } from "../support/lockstep/open-lockstep.ts";

describe("a server that is told its namespaces", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-namespaces-"));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it("names stored keys outside of them, and stays healthy", async () => {
    const lockstep = await openLockstep({
      LOCKSTEP_SQLITE_FILE: join(folder, "store.db"),
      LOCKSTEP_NAMESPACES: "user:, session:",
    });
    for (const key of ["user:1", "session:1", "usr:1"])
      await lockstep.call("kv_set", { key, value: "v" });

    const report = await lockstep.call("verify_cache_sync");
    await lockstep.close();

    expect(report).toMatchObject({
      orphanedEntriesCheck: {
        orphanedKeys: ["usr:1"],
        orphanedCount: 1,
        namespaces: ["user:", "session:"],
      },
      overallSyncHealth: "HEALTHY",
    });
  });
});
