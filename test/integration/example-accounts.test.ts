import { afterEach, beforeEach, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { AccountsApp, type Bug } from "../../examples/accounts/accounts-app.ts";
import { makeDocuments } from "../../examples/accounts/documents.ts";
import { runTraffic } from "../../examples/accounts/traffic.ts";
import type { ToolAnswers } from "../support/lockstep/tool-answers.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";

const USERS = 400;
/** Few enough that a check names every key. */
const WRITES = 90;
const EVERYTHING = { maxInstances: 100_000, batchSize: 1_000 };

describeWith(["redis", "mongodb"], "the example application", () => {
  const backends = useBackends();
  let connection: mongoose.Connection;
  let app: AccountsApp;

  beforeEach(async () => {
    connection = await mongoose
      .createConnection(backends.mongo.uriOf(backends.database.databaseName))
      .asPromise();
    app = new AccountsApp(connection, backends.client);
  });
  afterEach(() => connection.close());

  const openLockstep = () =>
    backends.open({
      LOCKSTEP_MODELS_FILE: "examples/accounts/models.json",
      LOCKSTEP_RECONCILE_PER_SEC: "0",
    });
  const byName = <T extends { readonly model: string }>(models: readonly T[]) =>
    Object.fromEntries(models.map((one) => [one.model, one]));
  const keysOf = (model: ToolAnswers["check_cache_consistency"]["models"][number] | undefined) =>
    model?.drift.map(({ key }) => key).toSorted();

  it.each<Bug>(["bypass", "lost-invalidation", "race"])(
    "with the bug %s: a check names the very entries that it spoiled, and a reconciliation mends them",
    (bug) =>
      seeded(async (random) => {
        const draw = () => random.fraction();
        const documents = makeDocuments(draw, { users: USERS });
        await app.seed(documents);
        app.bug = bug;
        const written = await runTraffic(app, documents, { draw, writes: WRITES });
        const lockstep = await openLockstep();

        const found = byName(
          (await lockstep.call("check_cache_consistency", { all: true })).models,
        );
        const spoiled = [...written.users, ...written.closed].map((id) => `user:${id}`).toSorted();
        expect(keysOf(found["accounts.User"])).toEqual(spoiled);
        expect(keysOf(found["accounts.Session"])).toEqual(
          written.sessions.map((id) => `session:${id}`),
        );
        expect(found).toMatchObject({
          "accounts.User": {
            inconsistent: written.users.length,
            orphaned: written.closed.length,
            missing: 0,
          },
          "accounts.Setting": {
            inconsistent: written.settings.length,
            missingTimestamps: written.settings.length,
          },
        });

        await lockstep.call("reconcile_model", EVERYTHING);
        const forced = { ...EVERYTHING, model: "accounts.Setting", force: true };
        await lockstep.call("reconcile_model", forced);

        const mended = await lockstep.call("check_cache_consistency", { all: true });
        expect(mended.models.map(({ drift, missing }) => ({ drift, missing }))).toEqual(
          mended.models.map(() => ({ drift: [], missing: 0 })),
        );
        const [renamed] = written.users;
        expect((await app.readUser(renamed!)).name).toMatch(/ \(renamed\)$/);
      })(),
  );

  it("without a bug gives no cause for complaint", () =>
    seeded(async (random) => {
      const draw = () => random.fraction();
      const documents = makeDocuments(draw, { users: 300 });
      await app.seed(documents);
      await runTraffic(app, documents, { draw, writes: 200 });

      const lockstep = await openLockstep();
      const checked = await lockstep.call("check_cache_consistency", { all: true });

      expect(checked.models.flatMap(({ drift }) => drift)).toEqual([]);
    })());
});
