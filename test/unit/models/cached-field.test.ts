import { describe, expect, it } from "@jest/globals";
import mongoose from "mongoose";
import { type BsonKind, BsonScalar, type FieldValue } from "../../../src/model/field-value.ts";
import type { JsonValue } from "../../../src/model/json-value.ts";
import {
  fieldFromCache,
  isSameField,
  jsonFormOf,
  textFormOf,
} from "../../../src/models/cached-field.ts";
import { fieldValueOf } from "../../../src/store/drivers/mongodb/field-values.ts";
import { type SeededRandom, seeded } from "../../support/seeded-random.ts";

const { BSON, Binary, Decimal128, Long, ObjectId, UUID } = mongoose.mongo;
const OID = "507f1f77bcf86cd799439011";
const AT = new Date("2026-11-21T16:00:00.123Z");

describe("a field of an entry in JSON", () => {
  it.each<[string, FieldValue, JsonValue]>([
    ["an ObjectId as its digits", scalar("objectId", OID), OID],
    ["an ObjectId in capitals", scalar("objectId", OID), OID.toUpperCase()],
    ["an ObjectId as Extended JSON", scalar("objectId", OID), { $oid: OID }],
    ["a Date as Date writes it", AT, "2026-11-21T16:00:00.123Z"],
    ["a Date in another zone", AT, "2026-11-21T17:00:00.123+01:00"],
    ["a Date with microseconds", AT, "2026-11-21T16:00:00.123000Z"],
    ["a Date as milliseconds", AT, AT.getTime()],
    ["a Date as relaxed Extended JSON", AT, { $date: "2026-11-21T16:00:00.123Z" }],
    ["a Date as canonical Extended JSON", AT, { $date: { $numberLong: String(AT.getTime()) } }],
    ["an invalid Date as null", new Date(Number.NaN), null],
    ["a Decimal128 as the driver writes it", scalar("decimal", "1.50"), { $numberDecimal: "1.50" }],
    ["a Decimal128 with other zeros", scalar("decimal", "1.50"), "1.5"],
    ["a Decimal128 with an exponent", scalar("decimal", "1.50E+3"), "1500"],
    ["a Decimal128 as a number", scalar("decimal", "0.5"), 0.5],
    ["a Long as a number", scalar("long", "5"), 5],
    ["a Long as digits", scalar("long", "-9007199254740993"), "-9007199254740993"],
    [
      "a Long as the driver writes it",
      scalar("long", "9007199254740993"),
      { high: 2097152, low: 1, unsigned: false },
    ],
    [
      "a negative Long as the driver writes it",
      scalar("long", "-1"),
      { high: -1, low: -1, unsigned: false },
    ],
    ["bytes as base64", scalar("binary", "aGk="), "aGk="],
    ["bytes as Buffer writes them", scalar("binary", "aGk="), { type: "Buffer", data: [104, 105] }],
    [
      "bytes as Extended JSON",
      scalar("binary", "aGk="),
      { $binary: { base64: "aGk=", subType: "00" } },
    ],
    [
      "a UUID as text",
      scalar("uuid", "1d770b04-7382-4491-847a-b3f406989047"),
      "1D770B04-7382-4491-847A-B3F406989047",
    ],
    [
      "a UUID as Extended JSON",
      scalar("uuid", "1d770b04-7382-4491-847a-b3f406989047"),
      { $binary: { base64: "HXcLBHOCRJGEerP0BpiQRw==", subType: "04" } },
    ],
    [
      "a regular expression, which JSON loses",
      scalar("other", '{"$regularExpression":{"pattern":"a","options":""}}'),
      {},
    ],
    [
      "a timestamp as the driver writes it",
      scalar("other", '{"$timestamp":{"t":1,"i":2}}'),
      { $timestamp: "4294967298" },
    ],
    ["NaN as null", Number.NaN, null],
    ["minus zero as zero", -0, 0],
    [
      "nested fields in another order",
      { a: 1, b: { c: [AT] } },
      { b: { c: [AT.toISOString()] }, a: 1 },
    ],
    ["a field that is called like one of Object's", own("__proto__", 1), own("__proto__", 1)],
  ])("knows %s", (_, value, cached) => {
    expect(isSameField(value, { json: cached })).toBe(true);
  });

  it.each<[string, FieldValue | undefined, JsonValue]>([
    ["text that looks like its number", 5, "5"],
    ["a number that looks like its text", "5", 5],
    ["null for what is not there", undefined, null],
    ["zero for null", null, 0],
    ["another point in time", AT, "2026-11-21T16:00:00.124Z"],
    ["a time without a zone", AT, "2026-11-21T16:00:00.123"],
    ["a field more", { a: 1 }, { a: 1, b: 2 }],
    ["a field less", { a: 1, b: null }, { a: 1 }],
    ["a field of another name", { a: 1 }, { b: 1 }],
    ["a field that only Object has", { a: 1 }, own("__proto__", 1)],
    ["a list that is shorter", [1, 2], [1]],
    ["a list in another order", [1, 2], [2, 1]],
    ["a record for a list", [], {}],
    ["a list for a record", {}, []],
    ["another ObjectId", scalar("objectId", OID), "507f1f77bcf86cd799439012"],
    ["another decimal", scalar("decimal", "1.5"), "1.51"],
    ["a Long that a number cannot hold", scalar("long", "9007199254740993"), 9007199254740992],
  ])("does not take %s for the same", (_, value, cached) => {
    expect(isSameField(value, { json: cached })).toBe(false);
  });

  it("knows what JSON.stringify makes of a document that was read with lean, or hydrated", () => {
    const read = BSON.deserialize(BSON.serialize(everything()));
    const Model = mongoose.model("Everything", new mongoose.Schema({}, { strict: false }));
    const hydrated = Model.hydrate(BSON.deserialize(BSON.serialize(everything()))).toObject();

    for (const document of [read, hydrated]) {
      const cached = JSON.parse(JSON.stringify(document)) as JsonValue;
      expect(isSameField(fieldValueOf(everything()), { json: cached })).toBe(true);
    }
    mongoose.deleteModel("Everything");
  });

  it(
    "is the same as what it was written from, and gives it back with its types",
    seeded((random) => {
      for (let round = 0; round < 500; round += 1) {
        const value = anyValue(random, 3);

        const json = JSON.parse(JSON.stringify(jsonFormOf(value))) as JsonValue;

        expect(isSameField(value, { json })).toBe(true);
        const unclear: string[] = [];
        expect(fieldFromCache({ json }, value, "f", unclear)).toBe(value);
        expect(unclear).toEqual([]);
      }
    }),
  );
});

describe("a field of a hash", () => {
  it.each<[string, FieldValue, string]>([
    ["text", "5", "5"],
    ["a number", 5, "5"],
    ["a number with a fraction of zero", 5, "5.0"],
    ["a Date", AT, AT.toISOString()],
    ["an ObjectId", scalar("objectId", OID), OID],
    ["null as nothing", null, ""],
    ["null by name", null, "null"],
    ["a list", [1, "a"], '[1,"a"]'],
    ["true", true, "true"],
    ["a decimal", scalar("decimal", "1.50"), "1.5"],
  ])("knows %s", (_, value, text) => {
    expect(isSameField(value, { text })).toBe(true);
  });

  it.each<[string, FieldValue, string]>([
    ["a number in text with a space", "5", "5 "],
    ["a word for a number", 5, "five"],
    ["nothing for zero", 0, ""],
    ["nothing for false", false, ""],
  ])("does not take %s for the same", (_, value, text) => {
    expect(isSameField(value, { text })).toBe(false);
  });

  it(
    "is the same as what it was written from",
    seeded((random) => {
      for (let round = 0; round < 500; round += 1) {
        const value = anyValue(random, 2);
        expect(isSameField(value, { text: textFormOf(value) })).toBe(true);
      }
    }),
  );
});

describe("a cached field for the document", () => {
  it.each<[string, JsonValue, FieldValue, FieldValue]>([
    ["a Date", "2026-11-21T00:00:00.000Z", AT, new Date("2026-11-21")],
    [
      "an ObjectId",
      "507f1f77bcf86cd799439012",
      scalar("objectId", OID),
      scalar("objectId", "507f1f77bcf86cd799439012"),
    ],
    ["a Long", 7, scalar("long", "5"), scalar("long", "7")],
    ["a decimal", { $numberDecimal: "2" }, scalar("decimal", "1"), scalar("decimal", "2")],
    ["null where a Date was", null, AT, null],
    [
      "a further item of a list of Dates",
      [AT.toISOString(), "2026-11-22T00:00:00.000Z"],
      [AT],
      [AT, new Date("2026-11-22")],
    ],
    [
      "a field of a record",
      { at: "2026-11-22T00:00:00.000Z", n: 2 },
      { at: AT, n: 1 },
      { at: new Date("2026-11-22"), n: 2 },
    ],
    ["plain text in a new field", "hello", null, "hello"],
    ["a number in a new field", 5, null, 5],
    ["Extended JSON in a new field", { $oid: OID }, null, scalar("objectId", OID)],
  ])("is %s where the document has one", (_, json, like, value) => {
    const unclear: string[] = [];

    expect(fieldFromCache({ json }, like, "f", unclear)).toEqual(value);
    expect(unclear).toEqual([]);
  });

  it.each<[string, JsonValue, FieldValue | undefined, string]>([
    ["text like a Date where the document has nothing", AT.toISOString(), undefined, "f"],
    ["text like a Date where the document has null", AT.toISOString(), null, "f"],
    ["text like an ObjectId in a new field of a record", { a: 1, b: OID }, { a: 1 }, "f.b"],
    ["a word where the document has a Date", "soon", AT, "f"],
    ["a word where the document has an ObjectId", "none", scalar("objectId", OID), "f"],
  ])("is unclear: %s", (_, json, like, path) => {
    const unclear: string[] = [];
    fieldFromCache({ json }, like, "f", unclear);
    expect(unclear).toEqual([path]);
  });

  it("is unclear in a hash wherever the document has nothing to compare with", () => {
    const unclear: string[] = [];
    fieldFromCache({ text: "5" }, undefined, "f", unclear);
    expect(unclear).toEqual(["f"]);
  });
});

function scalar(kind: BsonKind, text: string): BsonScalar {
  return new BsonScalar(kind, text);
}

function own(name: string, value: number): { readonly [name: string]: number } {
  return Object.fromEntries([[name, value]]);
}

function everything(): mongoose.mongo.Document {
  return {
    _id: new ObjectId(OID),
    name: "Ada",
    at: AT,
    price: Decimal128.fromString("12.50"),
    small: Long.fromNumber(5),
    large: Long.fromString("9007199254740993"),
    bytes: new Binary(Buffer.from("hi")),
    uuid: new UUID("1d770b04-7382-4491-847a-b3f406989047"),
    nothing: null,
    notANumber: Number.NaN,
    list: [AT, { owner: new ObjectId(OID) }, null, 1.5],
    nested: { deep: { at: AT, map: { a: true } } },
    __v: 3,
  };
}

function anyValue(random: SeededRandom, depth: number): FieldValue {
  const makers: (() => FieldValue)[] = [
    () => null,
    () => random.fraction() < 0.5,
    () => random.integer(2 ** 31) - 2 ** 30,
    () => random.fraction() * 10 ** random.integer(20),
    () => random.pick(["", "5", "null", "true", "é😀", '"', OID, AT.toISOString()]),
    () => new Date(random.integer(2 ** 31) * 1000),
    () => scalar("objectId", random.hex(12)),
    () => scalar("long", String(BigInt.asIntN(64, BigInt(`0x${random.hex(8)}`)))),
    () =>
      scalar("decimal", `${random.integer(1000)}.${random.integer(1000)}E-${random.integer(9)}`),
    () => scalar("binary", Buffer.from(random.hex(random.integer(8)), "hex").toString("base64")),
  ];
  if (depth > 0) {
    makers.push(
      () => Array.from({ length: random.integer(4) }, () => anyValue(random, depth - 1)),
      () =>
        Object.fromEntries(
          ["a", "b", "__proto__", "$x"]
            .filter(() => random.fraction() < 0.5)
            .map((name) => [name, anyValue(random, depth - 1)]),
        ),
    );
  }
  return random.pick(makers)();
}
