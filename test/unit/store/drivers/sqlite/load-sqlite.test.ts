import { describe, expect, it } from "@jest/globals";
import { LockstepError } from "../../../../../src/model/lockstep-error.ts";
import {
  loadSqlite,
  type SqliteModule,
} from "../../../../../src/store/drivers/sqlite/load-sqlite.ts";

describe("loadSqlite", () => {
  const builtin = moduleNamed("built in");
  const fromPackage = moduleNamed("package");

  it("takes what Node has built in, and does not load the package then", async () => {
    let isAsked = false;

    const loaded = await loadSqlite(
      () => builtin,
      async () => {
        isAsked = true;
        return fromPackage;
      },
    );

    expect(loaded).toBe(builtin);
    expect(isAsked).toBe(false);
  });

  it("takes the optional package where Node has none", async () => {
    expect(
      await loadSqlite(
        () => undefined,
        async () => fromPackage,
      ),
    ).toBe(fromPackage);
  });

  it("says what to do where there is neither", async () => {
    const cause = new Error("Cannot find package");

    const failure: unknown = await loadSqlite(
      () => undefined,
      () => Promise.reject(cause),
    ).catch((error: unknown) => error);

    expect(LockstepError.codeOf(failure)).toBe("CONFIG_INVALID");
    expect(failure).toMatchObject({ cause, hint: expect.stringContaining("Node 22.13") });
  });

  it("finds one of them here", async () => {
    const { DatabaseSync } = await loadSqlite();

    const database = new DatabaseSync(":memory:");

    expect(database.prepare("SELECT 1 AS one").get()).toEqual({ one: 1 });
    database.close();
  });
});

function moduleNamed(name: string): SqliteModule {
  return {
    DatabaseSync: class {
      constructor() {
        throw new Error(`The ${name} module is not to be used here.`);
      }
    } as unknown as SqliteModule["DatabaseSync"],
  };
}
