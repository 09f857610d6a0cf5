import { describe, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { BsonScalar } from "../../src/model/field-value.ts";
import { keyTextOf } from "../../src/models/key-template.ts";
import type {
  CollectionRef,
  DocumentChange,
  IdType,
  ModelDocumentsPort,
} from "../../src/store/model-documents-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";

const { Binary, Long, ObjectId, UUID } = mongoose.mongo;

export interface ModelDocumentsHarness {
  readonly documents: ModelDocumentsPort;
  /** The application's collection `things`, empty, in the database of the store. */
  readonly things: mongoose.mongo.Collection;
  /** The same in another database, which `other` names. */
  readonly otherThings: mongoose.mongo.Collection;
  readonly close: () => Promise<void>;
}

/** Every sentence of model-documents-port.ts, as a claim about one driver. */
export function describeModelDocumentsContract(
  name: string,
  openHarness: () => Promise<ModelDocumentsHarness>,
): void {
  describe(`${name} as keeper of applications' documents`, () => {
    const open = closedAfterEach(openHarness);

    it.each<[IdType, readonly unknown[], readonly string[]]>([
      [
        "number",
        [-1.5, 2, 10, Long.fromString("9007199254740993"), Number.NaN, "3"],
        ["-1.5", "2", "10", "9007199254740993"],
      ],
      ["string", ["", "a", "b:c", "é", 1], ["", "a", "b:c", "é"]],
      [
        "objectId",
        ["507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012"].map((hex) => new ObjectId(hex)),
        ["507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012"],
      ],
      [
        "uuid",
        [
          new UUID("00000000-0000-0000-0000-000000000001"),
          new UUID("ff000000-0000-0000-0000-000000000001"),
          new Binary(Buffer.alloc(3)),
        ],
        ["00000000-0000-0000-0000-000000000001", "ff000000-0000-0000-0000-000000000001"],
      ],
    ])(
      "reads all documents whose id is a %s, in its order, and finds each",
      async (type, ids, texts) => {
        const { documents, things } = await open();
        await things.insertMany([...ids].reverse().map((id) => ({ _id: id as never })));
        const ref = refTo({ id: { field: "_id", type } });
        const found: string[] = [];
        for (let after: string | undefined; ; after = found.at(-1)) {
          const page = await documents.page(ref, { after, limit: 2 });
          for (const { _id } of page) found.push(keyTextOf(_id) ?? "");
          if (page.length < 2) break;
        }

        expect(found).toEqual(texts);
        expect(await documents.find(ref, texts)).toHaveLength(texts.length);
        expect(await documents.find(ref, [])).toEqual([]);
      },
    );

    it("sees only documents that equal the filter, with the fields that are asked for", async () => {
      const { documents, things } = await open();
      await things.insertMany([
        { _id: 1 as never, live: true, name: "a", more: 1 },
        { _id: 2 as never, live: false, name: "b" },
        { _id: 3 as never, name: "c" },
      ]);
      const ref = refTo({ filter: { live: true }, fields: ["name"] });

      const expected = [{ _id: 1, name: "a" }];
      expect(await documents.page(ref, { after: undefined, limit: 10 })).toEqual(expected);
      expect(await documents.find(ref, ["1", "2", "3"])).toEqual(expected);
      expect(await documents.sample(ref, 10)).toEqual(expected);
    });

    it("takes a sample of the size that is asked for, each document once", async () => {
      const { documents, things } = await open();
      await things.insertMany(Array.from({ length: 40 }, (_, at) => ({ _id: at as never })));

      const some = await documents.sample(refTo({}), 10);
      const all = await documents.sample(refTo({}), 100);

      expect(new Set(some.map(({ _id }) => _id)).size).toBe(10);
      expect(new Set(all.map(({ _id }) => _id)).size).toBe(40);
      expect(all).toHaveLength(40);
      expect(await documents.count(refTo({}))).toBe(40);
    });

    it("sets and removes fields of a document that is as it was seen, in their types", async () => {
      const { documents, things } = await open();
      const at = new Date(5);
      await things.insertOne({ _id: 1 as never, __v: Long.fromNumber(1), gone: 1, kept: 1 });
      const [before] = await documents.find(refTo({}), ["1"]);

      const outcome = await documents.change(
        refTo({}),
        changeOf({
          set: {
            at,
            owner: new BsonScalar("objectId", "507f1f77bcf86cd799439011"),
            __v: new BsonScalar("long", "2"),
          },
          unset: ["gone"],
          seen: new Map([
            ["__v", before?.["__v"]],
            ["at", undefined],
          ]),
        }),
      );

      expect(outcome).toBe("changed");
      expect(await things.findOne({}, { promoteLongs: false })).toEqual({
        _id: 1,
        __v: Long.fromNumber(2),
        kept: 1,
        at,
        owner: new ObjectId("507f1f77bcf86cd799439011"),
      });
    });

    it.each<[string, Partial<DocumentChange>, object]>([
      ["has another version", { seen: new Map([["__v", 2]]) }, {}],
      ["has a field that it did not have", { seen: new Map([["at", undefined]]) }, { at: 1 }],
      ["lacks a field that it had", { seen: new Map([["at", 1]]) }, {}],
      ["has gone", { id: "2" }, {}],
      ["is not within the filter any more", {}, { live: false }],
    ])("leaves a document that %s", async (_, change, more) => {
      const { documents, things } = await open();
      const document = { _id: 1, __v: 1, live: true, ...more };
      await things.insertOne(document as never);

      const outcome = await documents.change(
        refTo({ filter: { live: true } }),
        changeOf({ set: { name: "x" }, ...change }),
      );

      expect(outcome).toBe("moved");
      expect(await things.find().toArray()).toEqual([document]);
    });

    it("says that a rule of the collection refuses the change", async () => {
      const { documents, things } = await open();
      await things.insertOne({ _id: 1 as never, name: "a" });
      await things.createIndex({ name: 1 }, { unique: true });
      await things.insertOne({ _id: 2 as never, name: "b" });

      const change = documents.change(refTo({}), changeOf({ set: { name: "b" } }));

      await expect(change).rejects.toMatchObject({ code: "DOCUMENT_REFUSED" });
      expect(await things.findOne({ _id: 1 as never })).toEqual({ _id: 1, name: "a" });
    });

    it("reads and changes a collection of another database", async () => {
      const { documents, otherThings } = await open();
      await otherThings.insertOne({ _id: 1 as never, name: "a" });
      const ref = refTo({ database: otherThings.dbName });

      expect(await documents.change(ref, changeOf({ set: { name: "b" } }))).toBe("changed");
      expect(await documents.find(ref, ["1"])).toEqual([{ _id: 1, name: "b" }]);
    });
  });
}

function refTo(more: Partial<CollectionRef>): CollectionRef {
  return {
    database: undefined,
    collection: "things",
    id: { field: "_id", type: "number" },
    filter: {},
    fields: undefined,
    ...more,
  };
}

function changeOf(change: Partial<DocumentChange>): DocumentChange {
  return { id: "1", set: {}, unset: [], seen: new Map(), ...change };
}
