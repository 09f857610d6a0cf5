import { describe, expect, it } from "@jest/globals";
import type { KeyContent } from "../../../src/cache/model-keys-port.ts";
import { BsonScalar, type FieldRecord, type FieldValue } from "../../../src/model/field-value.ts";
import { decodeEntry, encodeEntry } from "../../../src/models/cached-entry.ts";
import { compareEntry } from "../../../src/models/compare-entry.ts";
import type { Encoding, Model } from "../../../src/models/model.ts";
import { type CopyDate, newerCopy } from "../../../src/models/newer-copy.ts";
import { makeModel } from "../../support/models/make-model.ts";
import { seeded } from "../../support/seeded-random.ts";

const AT = new Date("2026-11-21T16:00:00.000Z");
const USER: FieldRecord = { _id: 1, name: "Ada", __v: 3, updatedAt: AT };

describe("compareEntry", () => {
  it.each<[string, FieldRecord, string]>([
    ["the same", USER, "consistent"],
    ["the same in another order", { updatedAt: AT, __v: 3, name: "Ada", _id: 1 }, "consistent"],
    ["an older version", { ...USER, name: "A", __v: 2 }, "store_newer"],
    ["a newer version", { ...USER, name: "A", __v: 4 }, "cache_newer"],
    ["a newer version and nothing else", { ...USER, __v: 4 }, "cache_newer"],
    [
      "a newer version of an older time",
      { ...USER, __v: 4, updatedAt: new Date(0) },
      "cache_newer",
    ],
    ["the same version of an older time", { ...USER, updatedAt: new Date(0) }, "store_newer"],
    ["the same version of a newer time", { ...USER, updatedAt: new Date(2e12) }, "cache_newer"],
    ["other contents of the same version and time", { ...USER, name: "A" }, "same_version"],
    ["no version, and an older time", { _id: 1, name: "A", updatedAt: new Date(0) }, "store_newer"],
    ["no time, and the same version", { _id: 1, name: "A", __v: 3 }, "same_version"],
    ["neither", { _id: 1, name: "A" }, "no_timestamps"],
    ["null as both", { _id: 1, name: "A", __v: null, updatedAt: null }, "no_timestamps"],
  ])("judges an entry with %s", (_, cached, verdict) => {
    for (const encoding of ["json", "hash"] as const) {
      const model = makeModel({ encoding });
      expect(judge(model, USER, encodeEntry(model, cached))).toBe(verdict);
    }
  });

  it("judges what is on one side only", () => {
    const model = makeModel({});
    const entry = encodeEntry(model, USER);

    expect(judge(model, USER, { type: "none" })).toBe("missing");
    expect(judge(model, undefined, entry)).toBe("orphaned");
    expect(judge(model, undefined, json("{"))).toBe("orphaned");
    expect(judge(model, undefined, { type: "none" })).toBe("absent");
  });

  it.each<[string, Encoding, KeyContent]>([
    ["broken JSON", "json", json('{"_id":')],
    ["nothing", "json", json("")],
    ["a list", "json", json("[]")],
    ["null", "json", json("null")],
    ["another Redis type", "json", { type: "other", name: "list" }],
    ["bytes that are no text", "string", { type: "string", bytes: Buffer.from([0xff]) }],
    ["the entry of another document", "json", json('{"_id":2,"name":"Ada","__v":3}')],
    ["the entry of another document", "hash", { type: "hash", fields: new Map([["_id", "2"]]) }],
  ])("does not read %s as an entry of %s", (_, encoding, content) => {
    const model = makeModel(encoding === "string" ? { encoding, fields: ["name"] } : { encoding });

    expect(judge(model, USER, content)).toBe("undecodable");
  });

  it("compares only the fields that are cached", () => {
    const model = makeModel({ fields: ["name", "__v", "updatedAt"] });
    const entry = json(JSON.stringify({ name: "Ada", __v: 3, updatedAt: AT, computed: true }));

    expect(judge(model, { ...USER, other: 1 }, entry)).toBe("consistent");
  });

  it("cannot tell the newer of two texts", () => {
    const model = makeModel({ encoding: "string", fields: ["name"] });

    expect(judge(model, USER, json("Ada"))).toBe("consistent");
    expect(judge(model, USER, json("Bob"))).toBe("no_timestamps");
  });

  it(
    "has one answer for whatever is there, and the same entry is always consistent",
    seeded((random) => {
      const values: readonly (FieldValue | undefined)[] = [
        undefined,
        null,
        0,
        3,
        "3",
        "v",
        AT,
        new Date(Number.NaN),
        AT.toISOString(),
        new BsonScalar("long", "4"),
        new BsonScalar("decimal", "3.5"),
        [1],
        { a: 1 },
        Number.NaN,
      ];
      const verdicts = new Set([
        "consistent",
        "store_newer",
        "cache_newer",
        "same_version",
        "no_timestamps",
      ]);
      const record = () =>
        Object.fromEntries(
          ["name", "__v", "updatedAt"].flatMap((name) => {
            const value = random.pick(values);
            return value === undefined ? [] : [[name, value] as const];
          }),
        ) as FieldRecord;
      for (let round = 0; round < 1000; round += 1) {
        const model = makeModel({ encoding: random.pick(["json", "hash"] as const) });
        const stored = { _id: 1, ...record() };
        const cached = { _id: 1, ...record() };

        expect(verdicts).toContain(judge(model, stored, encodeEntry(model, cached)));
        expect(judge(model, stored, encodeEntry(model, stored))).toBe("consistent");
      }
    }),
  );
});

describe("newerCopy", () => {
  it.each<[string, CopyDate, CopyDate, string]>([
    ["numbers by size", version(10), version(9), "store"],
    ["digits by size", version("9"), version("10"), "cache"],
    ["a number and digits", version(10), version("9"), "store"],
    [
      "a Long and a number",
      version(new BsonScalar("long", "9007199254740993")),
      version(9007199254740992),
      "store",
    ],
    ["other text letter by letter", version("b"), version("a"), "store"],
    ["Dates", version(new Date(1)), version(new Date(2)), "cache"],
    ["a Date and its text", version(AT), version(AT.toISOString()), "equal"],
    ["a number and a word: not", version(1), version("a"), "unknown"],
    ["a number and a Date: not", version(1), version(AT), "unknown"],
    ["NaN: not", version(Number.NaN), version(1), "unknown"],
    ["records: not", version({ a: 1 }), version({ a: 2 }), "unknown"],
    [
      "timestamps where versions cannot be compared",
      { version: 1, timestamp: 2 },
      { version: "a", timestamp: 1 },
      "store",
    ],
    [
      "timestamps where versions are equal",
      { version: 1, timestamp: AT },
      { version: 1, timestamp: AT.getTime() },
      "equal",
    ],
    [
      "equal versions alone",
      { version: 1, timestamp: undefined },
      { version: 1, timestamp: AT },
      "equal",
    ],
    [
      "a time without a zone: not",
      { version: undefined, timestamp: AT },
      { version: undefined, timestamp: "2026-11-21T16:00:00" },
      "unknown",
    ],
  ])("compares %s", (_, stored, cached, verdict) => {
    expect(newerCopy(stored, cached, "ms")).toBe(verdict);
  });

  it("counts numbers in the model's unit", () => {
    const stored = { version: undefined, timestamp: AT };

    expect(newerCopy(stored, { version: undefined, timestamp: AT.getTime() / 1000 }, "s")).toBe(
      "equal",
    );
    expect(newerCopy(stored, { version: undefined, timestamp: AT.getTime() }, "ms")).toBe("equal");
  });

  it("says the reverse when the copies change places", () => {
    const dates: CopyDate[] = [1, 2, "3", "x", AT, null, undefined].flatMap((one) =>
      [AT, 5, "z", undefined].map((timestamp) => ({ version: one, timestamp })),
    );
    const reverse = { store: "cache", cache: "store", equal: "equal", unknown: "unknown" };
    for (const one of dates) {
      for (const other of dates) {
        expect(newerCopy(other, one, "ms")).toBe(reverse[newerCopy(one, other, "ms")]);
      }
    }
  });
});

function judge(model: Model, document: FieldRecord | undefined, content: KeyContent): string {
  const found = compareEntry(model, document, decodeEntry(model, content));
  return found.state === "inconsistent" ? found.cause : found.state;
}

function json(text: string): KeyContent {
  return { type: "string", bytes: Buffer.from(text) };
}

function version(value: FieldValue): CopyDate {
  return { version: value, timestamp: undefined };
}
