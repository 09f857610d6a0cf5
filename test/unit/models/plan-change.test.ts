import { describe, expect, it } from "@jest/globals";
import { BsonScalar, type FieldRecord } from "../../../src/model/field-value.ts";
import { decodeEntry } from "../../../src/models/cached-entry.ts";
import type { CachedField } from "../../../src/models/cached-field.ts";
import type { DriftCause, EntryState } from "../../../src/models/compare-entry.ts";
import { compareEntry } from "../../../src/models/compare-entry.ts";
import { KeyTemplate } from "../../../src/models/key-template.ts";
import type { Model } from "../../../src/models/model.ts";
import {
  type Action,
  actionFor,
  type BringUp,
  planBringUp,
} from "../../../src/models/plan-change.ts";
import { makeModel } from "../../support/models/make-model.ts";
import { seeded } from "../../support/seeded-random.ts";

const AT = new Date("2026-11-21T16:00:00.000Z");
const LATER = new Date("2026-11-21T17:00:00.000Z");
const USER: FieldRecord = { _id: 1, name: "Ada", __v: 3, updatedAt: AT };

function inconsistent(cause: DriftCause): EntryState {
  return { state: "inconsistent", cause };
}

function undecodable(isOtherType: boolean): EntryState {
  return { state: "undecodable", why: "it is not JSON", isOtherType };
}

describe("actionFor", () => {
  it.each<[EntryState, Action, { readonly more?: Partial<Model>; readonly force?: true }]>([
    [{ state: "consistent" }, "none", {}],
    [{ state: "absent" }, "none", {}],
    [{ state: "missing" }, "create", {}],
    [{ state: "missing" }, "create", { more: { wins: "cache" } }],
    [{ state: "orphaned" }, "remove", {}],
    [{ state: "orphaned" }, "skip", { more: { orphans: "keep" } }],
    [{ state: "orphaned" }, "skip", { more: { orphans: "keep" }, force: true }],
    [undecodable(false), "refresh", {}],
    [undecodable(false), "skip", { more: { wins: "cache" } }],
    [undecodable(false), "refresh", { more: { wins: "cache" }, force: true }],
    [undecodable(true), "skip", {}],
    [undecodable(true), "skip", { force: true }],
    [inconsistent("store_newer"), "refresh", {}],
    [inconsistent("store_newer"), "refresh", { more: { wins: "cache" } }],
    [inconsistent("cache_newer"), "bring_up", {}],
    [inconsistent("cache_newer"), "refresh", { force: true }],
    [inconsistent("same_version"), "refresh", {}],
    [inconsistent("same_version"), "bring_up", { more: { wins: "cache" } }],
    [inconsistent("same_version"), "refresh", { more: { wins: "cache" }, force: true }],
    [inconsistent("no_timestamps"), "skip", {}],
    [inconsistent("no_timestamps"), "skip", { more: { wins: "cache" } }],
    [inconsistent("no_timestamps"), "refresh", { force: true }],
  ])("of %j is %s with %j", (found, action, { more = {}, force = false }) => {
    expect(actionFor(makeModel(more), found, force)).toBe(action);
  });

  it("brings no document up to an entry, and removes no entry, where the document is right by force", () => {
    const states: readonly EntryState[] = [
      { state: "missing" },
      undecodable(false),
      inconsistent("store_newer"),
      inconsistent("cache_newer"),
      inconsistent("same_version"),
      inconsistent("no_timestamps"),
    ];

    for (const wins of ["store", "cache"] as const)
      for (const found of states)
        expect(["create", "refresh"]).toContain(actionFor(makeModel({ wins }), found, true));
  });
});

describe("planBringUp", () => {
  function plan(more: Partial<Model>, document: FieldRecord, cached: object) {
    return planBringUp(makeModel(more), document, { id: "1", fields: jsonFields(cached) });
  }

  function changesOf(made: BringUp) {
    if (!made.can) throw new Error(`Of ${made.unclear.join()} it is not clear what to write.`);
    const { set, unset } = made.change;
    return { set, unset };
  }

  it("writes what differs in the types of the document, and requires version and time as they were seen", () => {
    const cached = { _id: 1, name: "Bob", __v: 4, updatedAt: LATER.toISOString() };

    expect(plan({}, USER, cached)).toEqual({
      can: true,
      change: {
        id: "1",
        set: { name: "Bob", __v: 4, updatedAt: LATER },
        unset: [],
        seen: new Map<string, unknown>([
          ["__v", 3],
          ["updatedAt", AT],
        ]),
      },
    });
  });

  it("requires that a document which had no version still has none", () => {
    const brought = plan({ timestampField: undefined }, { _id: 1, name: "Ada" }, { name: "Bob" });

    expect(brought).toMatchObject({ can: true, change: { seen: new Map([["__v", undefined]]) } });
  });

  it("removes what the entry lacks only where the model names it", () => {
    const document = { ...USER, nick: "A", other: 1 };
    const cached = { name: "Ada", __v: 3, updatedAt: AT.toISOString() };
    const fields = ["name", "nick", "__v", "updatedAt", "never there"];

    expect(changesOf(plan({}, document, cached))).toEqual({ set: {}, unset: [] });
    expect(changesOf(plan({ fields }, document, cached))).toEqual({ set: {}, unset: ["nick"] });
  });

  it("changes neither the id nor any other field of the key, whatever the entry says", () => {
    const id = { field: "_id", type: "number" } as const;
    const key = new KeyTemplate("tenant:{owner.tenant}:user:{_id}", id);
    const document = { ...USER, owner: { tenant: "one", since: 1 } };
    const fields = ["_id", "owner", "name"];

    const moved = plan({ key, fields }, document, { _id: 2, owner: { tenant: "two" } });
    const gone = plan({ key, fields }, document, { name: "Bob" });

    expect(changesOf(moved)).toEqual({ set: {}, unset: ["name"] });
    expect(changesOf(gone)).toEqual({ set: { name: "Bob" }, unset: [] });
  });

  it.each(["$set", "a.b", "a\0b"])(
    "refuses the field %j, which MongoDB would not take for a name",
    (name) => {
      expect(plan({}, USER, { [name]: 1, name: "Bob" })).toEqual({ can: false, unclear: [name] });
    },
  );

  it("names every field whose type nothing tells, and takes the declared type where there is one", () => {
    const born = "2026-01-01T00:00:00.000Z";
    const oid = "507f1f77bcf86cd799439011";
    const cached = { born, friend: oid, name: "Bob" };
    const types = { born: "date", friend: "objectId" } as const;

    expect(plan({}, USER, cached)).toEqual({ can: false, unclear: ["born", "friend"] });
    expect(changesOf(plan({ types }, { ...USER, friend: null }, cached)).set).toEqual({
      born: new Date(born),
      friend: new BsonScalar("objectId", oid),
      name: "Bob",
    });
  });

  it("cannot tell number from text in a hash where the document lacks the field", () => {
    const fields = new Map([
      ["name", { text: "5" }],
      ["age", { text: "5" }],
    ]);

    const brought = planBringUp(makeModel({ encoding: "hash" }), USER, { id: "1", fields });

    expect(brought).toEqual({ can: false, unclear: ["age"] });
  });

  it(
    "makes a document of which the entry says the same, whatever differed before",
    seeded((random) => {
      const values = [
        null,
        0,
        5,
        "v",
        "",
        true,
        AT.toISOString(),
        [1, "a"],
        { a: { b: 1 } },
      ] as const;
      const model = makeModel({ fields: ["a", "b", "c", "__v", "updatedAt"] });
      const some = () =>
        Object.fromEntries(
          ["a", "b", "c"].flatMap((name) =>
            random.fraction() < 0.3 ? [] : [[name, random.pick(values)] as const],
          ),
        );
      let brought = 0;
      for (let round = 0; round < 500; round += 1) {
        const document: FieldRecord = { ...USER, ...some(), kept: round };
        const bytes = Buffer.from(JSON.stringify({ ...some(), __v: 4, updatedAt: LATER }));
        const entry = decodeEntry(model, { type: "string", bytes });
        if (entry.state !== "decoded") throw new Error("It is JSON.");
        const made = planBringUp(model, document, { id: "1", fields: entry.fields });
        // Text in the form of a Date is unclear where the document has none to compare it with.
        if (!made.can) continue;
        brought += 1;
        const { set, unset } = changesOf(made);
        const rest = Object.entries(document).filter(([name]) => !unset.includes(name));

        const after: FieldRecord = { ...Object.fromEntries(rest), ...set };

        expect(compareEntry(model, after, entry)).toEqual({ state: "consistent" });
        expect(after).toMatchObject({ _id: 1, name: "Ada", kept: round });
      }
      expect(brought).toBeGreaterThan(100);
    }),
  );
});

function jsonFields(cached: object): ReadonlyMap<string, CachedField> {
  const bytes = Buffer.from(JSON.stringify(cached));
  const entry = decodeEntry(makeModel({}), { type: "string", bytes });
  if (entry.state !== "decoded") throw new Error("It is JSON.");
  return entry.fields;
}
