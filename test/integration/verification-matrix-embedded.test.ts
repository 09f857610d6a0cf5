import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import {
  expectedMatrix,
  expectInEveryMode,
  keysOfEach,
  MATRIX_LIMIT_MS,
  matrixOf,
  STILL,
} from "../support/lockstep/drift-matrix.ts";
import { EmbeddedGardener, embeddedDrifts } from "../support/lockstep/embedded-drift.ts";
import { openLockstep } from "../support/lockstep/open-lockstep.ts";
import { verifyInEveryMode } from "../support/lockstep/verify-modes.ts";
import { describeWith } from "../support/servers/describe-with.ts";

describeWith(
  [],
  "a verification of every kind of drift between the process's cache and SQLite",
  () => {
    const planted = keysOfEach(embeddedDrifts);
    let folder: string;
    let variables: { LOCKSTEP_SQLITE_FILE: string };
    let gardener: EmbeddedGardener;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "lockstep-matrix-"));
      variables = { ...STILL, LOCKSTEP_SQLITE_FILE: join(folder, "store.db") };
      gardener = await EmbeddedGardener.open(variables);
    });

    afterEach(async () => {
      await gardener.close();
      await rm(folder, { recursive: true });
    });

    it(
      "names each key by its class in every mode, and writes nothing into the file",
      async () => {
        const { lockstep, shell } = gardener;
        await gardener.plantAll(planted);

        const before = shell.commits();
        const modes = await verifyInEveryMode([lockstep], { limit: 20 });
        expect(shell.commits()).toBe(before);

        expectInEveryMode(planted, modes);
      },
      MATRIX_LIMIT_MS,
    );

    it(
      "finds nothing left once all is repaired, and a second repair writes nothing",
      async () => {
        const { lockstep, shell } = gardener;
        await gardener.plantAll(planted);
        const repairAll = () =>
          Promise.all(planted.map(({ key }) => lockstep.call("force_sync_repair", { key })));

        const first = await repairAll();
        const after = await lockstep.call("verify_cache_sync");
        const before = shell.commits();
        const again = await repairAll();
        expect(shell.commits()).toBe(before);

        expect(first.map(({ key, action, undo }) => [key, action, undo?.arguments.value])).toEqual(
          planted.map(({ key, drift }) => [key, drift.action, drift.undone]),
        );
        // A row that is corrupt is for a person to judge.
        expect(matrixOf([after])).toEqual(expectedMatrix(planted, (drift) => drift.after ?? "ok"));
        expect(new Set(again.map(({ action }) => action))).toEqual(new Set(["none"]));
        for (const { key, drift } of planted.filter(({ drift }) => drift.after !== "corrupt"))
          expect(await lockstep.call("kv_get", { key })).toMatchObject({ value: drift.value });
      },
      MATRIX_LIMIT_MS,
    );

    it("takes a write that has waited too long for overdue, in every mode", async () => {
      await gardener.plantAll(planted.filter(({ drift }) => drift.verdict === "pending"));
      const impatient = await openLockstep({ ...variables, LOCKSTEP_SYNC_OBJECTIVE_MS: "1" });

      const modes = await verifyInEveryMode([impatient], { limit: 2 });
      await impatient.close();

      for (const reports of Object.values(modes))
        expect(matrixOf(reports).counts).toEqual({ overdue: 5 });
    });

    it("is watched by what sees a write into the file", async () => {
      const before = gardener.shell.commits();

      await gardener.set("user:1", "v");

      expect(gardener.shell.commits()).not.toBe(before);
    });
  },
);
