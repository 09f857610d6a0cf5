import { describe, expect, it } from "@jest/globals";
import { BsonScalar, type FieldRecord } from "../../../src/model/field-value.ts";
import { KeyTemplate } from "../../../src/models/key-template.ts";
import type { IdType } from "../../../src/store/model-documents-port.ts";
import { type SeededRandom, seeded } from "../../support/seeded-random.ts";

const OID = "507f1f77bcf86cd799439011";
const UUID = "1d770b04-7382-4491-847a-b3f406989047";

describe("KeyTemplate", () => {
  it.each<[string, IdType, FieldRecord, string]>([
    ["user:{_id}", "objectId", { _id: new BsonScalar("objectId", OID) }, `user:${OID}`],
    ["user:{_id}", "uuid", { _id: new BsonScalar("uuid", UUID) }, `user:${UUID}`],
    ["user:{_id}", "number", { _id: 42 }, "user:42"],
    ["user:{_id}", "number", { _id: -1.5 }, "user:-1.5"],
    ["user:{_id}", "number", { _id: 1e21 }, "user:1e+21"],
    [
      "user:{_id}",
      "number",
      { _id: new BsonScalar("long", "9007199254740993") },
      "user:9007199254740993",
    ],
    ["user:{_id}", "string", { _id: "ada é 😀" }, "user:ada é 😀"],
    ["tenant:{tenantId}:user:{_id}", "number", { tenantId: "acme", _id: 7 }, "tenant:acme:user:7"],
    ["a.*+?({_id})[v1]", "string", { _id: "q" }, "a.*+?(q)[v1]"],
    ["shop:{address.city}:{_id}", "number", { address: { city: "Rome" }, _id: 1 }, "shop:Rome:1"],
    ["flag:{isLive}:{_id}", "number", { isLive: true, _id: 1 }, "flag:true:1"],
  ])("%s of an id that is a %s", (text, type, document, key) => {
    const form = template(text, type);

    expect(form.keyOf(document)).toBe(key);
    expect(form.parse(key)).toBeDefined();
  });

  it("reads each field back", () => {
    expect(template("tenant:{tenantId}:user:{_id}:v2").parse(`tenant:a b:user:${OID}:v2`)).toEqual(
      new Map([
        ["tenantId", "a b"],
        ["_id", OID],
      ]),
    );
  });

  it.each([
    "user:count",
    "user:",
    `user:${OID}:posts`,
    `User:${OID}`,
    `xuser:${OID}`,
    `user:${OID.slice(1)}`,
    `user:${OID.toUpperCase()}`,
    `user:${OID}\n`,
    `\nuser:${OID}`,
  ])("leaves the key %j to others", (key) => {
    expect(template("user:{_id}").parse(key)).toBeUndefined();
  });

  it("takes no key with a further part for its own where ids are text", () => {
    const form = template("user:{_id}", "string");

    expect(form.parse("user:5:posts")).toBeUndefined();
    expect(form.parse("user:5")).toEqual(new Map([["_id", "5"]]));
  });

  it.each<[string, FieldRecord]>([
    ["has no id", {}],
    ["has an id of another type", { _id: OID }],
    ["has null as its id", { _id: null }],
    ["has a list as its id", { _id: [1] }],
  ])("has no key for a document that %s", (_, document) => {
    expect(template("user:{_id}").keyOf(document)).toBeUndefined();
  });

  it.each(["a:b", "a|b", "", "\ud800"])("has no key for the text %j in it", (tenantId) => {
    expect(template("t|{tenantId}:{_id}", "number").keyOf({ tenantId, _id: 1 })).toBeUndefined();
  });

  it.each([
    ["user", "name at least one field"],
    ["user:{id}", "the id must stand in it, as {_id}"],
    ["{_id}", "begin it with text"],
    ["user:{_id", "closed by }"],
    ["user:{}{_id}", "closed by }"],
    ["{{_id}.x", "closed by }"],
    ["user:_id}", "lacks its {"],
    ["user:{a}{_id}", "put text between two fields"],
    ["user:{_id}:{_id}", "stand in it once"],
    ["lockstep:{_id}", "belong to the server"],
    ["lock{_id}", "belong to the server"],
    ["lock:A:{_id}", "belong to locks"],
    ["lock:{_id}", "belong to locks"],
    ["lo{a}:{_id}", "belong to"],
    ["user:{$where}:{_id}", "closed by }"],
  ])("refuses %s and says why", (text, rule) => {
    expect(() => template(text)).toThrow(rule);
  });

  it("finds its keys with a pattern in which only the fields are open", () => {
    expect(template("u[1]*?\\:{a}-{_id}").pattern).toBe("u\\[1\\]\\*\\?\\\\:*\\-*");
  });

  it(
    "reads every key back as the document that it was made of",
    seeded((random) => {
      for (let round = 0; round < 2000; round += 1) {
        const literals = [word(random, 1), word(random, 1), word(random, 0)];
        const text = `${literals[0]}{tenant}${literals[1]}{_id}${literals[2]}`;
        const form = template(text, "string");
        const document = { tenant: word(random, 0), _id: word(random, 0) };

        const key = form.keyOf(document);

        if (key === undefined) continue;
        expect(form.parse(key)).toEqual(new Map(Object.entries(document)));
      }
    }),
  );
});

function template(text: string, type: IdType = "objectId"): KeyTemplate {
  return new KeyTemplate(text, { field: "_id", type });
}

/** Short words of few letters, in which separators and signs of regular expressions are frequent. */
function word(random: SeededRandom, least: number): string {
  const letters = ["a", "b", ":", "/", "-", ".", "*", "😀", "\n"];
  const length = least + random.integer(3);
  return Array.from({ length }, () => random.pick(letters)).join("");
}
