import { describe, expect, it } from "@jest/globals";
import { judgeStore } from "../../../src/doctor/judge-store.ts";
import { refusedActions } from "../../../src/store/drivers/mongodb/needed-actions.ts";
import type { MongoFacts, SqliteFacts } from "../../../src/store/store-facts-port.ts";

const file: SqliteFacts = {
  kind: "sqlite",
  version: "3.53.0",
  storeId: "one",
  missingIndexes: [],
  file: "/data/lockstep.db",
  isWritable: true,
  fileBytes: 5_000_000,
  freeBytes: 50_000_000_000,
};

const server: MongoFacts = {
  kind: "mongodb",
  version: "7.0.5",
  storeId: "one",
  missingIndexes: [],
  database: "lockstep",
  topology: "replica set",
  refusedActions: [],
  clock: { aheadMs: 0, uncertainMs: 0 },
};

describe("A store", () => {
  it.each([file, server])("of $kind that has all it needs is fine", (facts) => {
    expect(judgeStore(facts).filter(({ state }) => state !== "ok")).toEqual([]);
  });

  it.each<[string, SqliteFacts | MongoFacts, string, string]>([
    ["cannot be written", { ...file, isWritable: false }, "sqlite file", "problem"],
    ["is not there yet", { ...file, storeId: undefined }, "sqlite file", "ok"],
    ["has little room", { ...file, freeBytes: 900_000_000 }, "sqlite disk", "warning"],
    ["has hardly any room", { ...file, freeBytes: 90_000_000 }, "sqlite disk", "problem"],
    [
      "has no room for as much again",
      { ...file, fileBytes: 60_000_000_000 },
      "sqlite disk",
      "warning",
    ],
    [
      "lacks an index",
      { ...file, missingIndexes: ["kvshadow_purge_at"] },
      "sqlite indexes",
      "problem",
    ],
    ["is too old", { ...server, version: "4.4.29" }, "mongodb version", "problem"],
    ["is as old as may be", { ...server, version: "5.0.0" }, "mongodb version", "ok"],
    ["hides its version", { ...server, version: undefined }, "mongodb version", "warning"],
    ["stands alone", { ...server, topology: "standalone" }, "mongodb topology", "warning"],
    ["is sharded", { ...server, topology: "sharded cluster" }, "mongodb topology", "ok"],
    ["lacks an index", { ...server, missingIndexes: ["outbox: {}"] }, "mongodb indexes", "problem"],
    [
      "is new, and so has none",
      { ...server, storeId: undefined, missingIndexes: [] },
      "mongodb indexes",
      "ok",
    ],
    [
      "forbids something",
      { ...server, refusedActions: ["collMod on outbox"] },
      "mongodb permissions",
      "problem",
    ],
  ])("that %s", (_, facts, check, state) => {
    const found = judgeStore(facts).filter((one) => one.check === check);

    // Whatever is not fine says what to do.
    expect(found.map((one) => [one.state, one.hint !== undefined])).toEqual([
      [state, state !== "ok"],
    ]);
  });
});

describe("What a user may do in MongoDB", () => {
  const all = ["find", "insert", "update", "remove", "createIndex", "collMod"];
  const on = (db: string, collection: string, actions = all) => ({
    resource: { db, collection },
    actions,
  });

  it.each([
    ["on the whole database", [on("lockstep", "")]],
    ["on every database", [on("", "")]],
    ["on anything at all", [{ resource: { anyResource: true }, actions: ["anyAction"] }]],
  ])("is enough %s", (_, privileges) => {
    expect(refusedActions("lockstep", privileges)).toEqual([]);
  });

  it("is not enough where it may only read", () => {
    expect(refusedActions("lockstep", [on("lockstep", "", ["find"])])).toContain(
      "insert on kvshadow",
    );
  });

  it("is added up over its roles, for each collection by itself", () => {
    const privileges = [
      on("lockstep", "", ["find", "insert", "update"]),
      on("lockstep", "kvshadow", ["remove", "createIndex"]),
      on("another", "", all),
    ];

    expect(refusedActions("lockstep", privileges)).toEqual([
      "remove on outbox",
      "createIndex on outbox",
      "collMod on outbox",
      "remove on lockstep_records",
      "createIndex on lockstep_records",
    ]);
  });
});
