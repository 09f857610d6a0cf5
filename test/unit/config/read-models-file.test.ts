import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { readModelsFile } from "../../../src/config/read-models-file.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-models-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const USER = { name: "accounts.User", collection: "users", key: "user:{_id}" };

describe("readModelsFile", () => {
  it("fills in what a short declaration leaves out", async () => {
    const [model] = await read({ $schema: "./models.schema.json", models: [USER] });

    expect(model).toMatchObject({
      name: "accounts.User",
      collection: {
        database: undefined,
        collection: "users",
        id: { field: "_id", type: "objectId" },
        filter: {},
        fields: undefined,
      },
      encoding: "json",
      fields: undefined,
      ttlSec: undefined,
      timestampUnit: "ms",
      wins: "store",
      orphans: "remove",
    });
    expect(model?.key.text).toBe("user:{_id}");
  });

  it("caches version and timestamp with the fields that are named, and reads what the key is made of", async () => {
    const [model] = await read({
      models: [
        {
          ...USER,
          key: "t:{tenant.id}:{_id}",
          fields: ["name"],
          versionField: "__v",
          timestampField: "updatedAt",
        },
      ],
    });

    expect(model?.fields).toEqual(["name", "__v", "updatedAt"]);
    expect(model?.collection.fields).toEqual(["name", "__v", "updatedAt", "tenant", "_id"]);
  });

  it("keeps the one field of text alone in the entry", async () => {
    const text = { ...USER, encoding: "string", fields: ["name"], versionField: "__v" };

    const [model] = await read({ models: [text] });

    expect(model?.fields).toEqual(["name"]);
    expect(model?.collection.fields).toEqual(["name", "__v", "_id"]);
  });

  it.each<[string, unknown, string]>([
    [
      "an unknown field",
      { models: [{ ...USER, ttl: 5 }] },
      'models[0] has no field "ttl" (did you mean ttlSec?)',
    ],
    ["a misspelt field of the file", { model: [], models: [] }, "did you mean models?"],
    [
      "no collection",
      { models: [{ ...USER, collection: undefined }] },
      "models[0].collection is missing; it must be text",
    ],
    [
      "an unknown encoding",
      { models: [{ ...USER, encoding: "bson" }] },
      'models[0].encoding must be one of json, string, hash, and is "bson"',
    ],
    [
      "a misspelt encoding",
      { models: [{ ...USER, encoding: "jsn" }] },
      'and is "jsn" (did you mean json?)',
    ],
    [
      "a time to live of nothing",
      { models: [{ ...USER, ttlSec: 0 }] },
      "models[0].ttlSec must be at least 1, and is 0",
    ],
    [
      "no field at all",
      { models: [{ ...USER, fields: [] }] },
      "models[0].fields must name at least 1",
    ],
    [
      "a name that is too long",
      { models: [{ ...USER, name: "a".repeat(129) }] },
      "models[0].name must have at most 128 characters",
    ],
    [
      "a type of nothing",
      { models: [{ ...USER, types: { "": "date" } }] },
      "is no name of a field",
    ],
    ["a model that is none", { models: [7] }, "models[0] must be an object { }, and is 7"],
    [
      "a TTL that is no number",
      { models: [USER, { ...USER, name: "b", key: "b:{_id}", ttlSec: "5" }] },
      'models[1].ttlSec must be a number, and is "5"',
    ],
    [
      "the name of the keys that are no model's",
      { models: [{ ...USER, name: "kv" }] },
      "models[0].name ",
    ],
    ["a key without its id", { models: [{ ...USER, key: "user:{name}" }] }, "models[0].key "],
    [
      "text of two fields",
      { models: [{ ...USER, encoding: "string", fields: ["a", "b"] }] },
      "models[0].fields must name exactly one field",
    ],
    [
      "a dotted field",
      { models: [{ ...USER, fields: ["a.b"] }] },
      "models[0].fields[0] must be the name of a field",
    ],
    [
      "two models of one name",
      { models: [USER, USER] },
      "models[1].name is accounts.User, as that of another model",
    ],
    ["no list", [], "the file must be an object { }, and is a list"],
    ["a list that is none", { models: {} }, "models must be a list [ ], and is an object"],
    ...["", "a$b", ".a", "a.", "a..b", "system.users", "a\0"].map(
      (collection): [string, unknown, string] => [
        `the collection ${JSON.stringify(collection)}`,
        { models: [{ ...USER, collection }] },
        "models[0].collection must be a name that MongoDB takes",
      ],
    ),
    ...["", "bad db", "a.b", "a/b", "a$", 'a"', "a\\b"].map(
      (database): [string, unknown, string] => [
        `the database ${JSON.stringify(database)}`,
        { models: [{ ...USER, database }] },
        "models[0].database must be a name that MongoDB takes",
      ],
    ),
    [
      "the name of locks as a key",
      { models: [{ ...USER, key: "lock:A:{_id}" }] },
      "keys that begin with lock: belong to locks",
    ],
    [
      "an operator as filter",
      { models: [{ ...USER, filter: { age: { $gt: 5 } } }] },
      "models[0].filter.age must be text, a number, true, false or null, and is an object",
    ],
  ])("refuses %s, and names file and place", async (_, content, fault) => {
    const error = await refusal(content);

    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error?.message).toContain(
      `LOCKSTEP_MODELS_FILE ${JSON.stringify(join(folder, "models.json"))}: `,
    );
    expect(error?.message).toContain(fault);
    expect(error?.hint).toContain("docs/MODELS.md");
  });

  it("names every fault at once, in the order of the models", async () => {
    const error = await refusal({
      models: [
        { ...USER, key: "a" },
        { ...USER, nam: "b", key: "b", encoding: "string", collection: "a$b" },
        { ...USER, name: "c", key: "user:{_id}:x", ttlSec: "5" },
        { ...USER, name: "d", key: "user:{_id}:x" },
      ],
    });

    const parts = (error?.message ?? "").split("; ");
    expect(parts.map((text) => / (models\[\d\][\w.]*) /.exec(` ${text}`)?.[1])).toEqual([
      "models[0].key",
      "models[1].collection",
      "models[1]",
      "models[1].name",
      "models[1].fields",
      "models[1].key",
      "models[2].ttlSec",
      "models[3].key",
      undefined,
    ]);
    expect(error?.message).not.toMatch(/invalid|expected|unrecognized/i);
  });

  it.each<[string, object, object]>([
    ["the same", {}, {}],
    ["text where the other has ObjectIds", {}, { idType: "string" }],
    ["a field where the other has text", { key: "shop:{_id}" }, { key: "shop:{a}x{_id}" }],
    ["one kept and one not", { orphans: "keep" }, {}],
  ])("refuses keys of two models that can be the same: %s", async (_, one, other) => {
    const models = [
      { ...USER, ...one, idType: "string" },
      { ...USER, name: "B", key: "user:{_id}", ...other },
    ];

    const error = await refusal({ models });

    expect(error?.message).toMatch(
      /models\[1\]\.key ".*" of B and models\[0\]\.key ".*" of accounts\.User can be the same, as "/,
    );
    expect(error?.message).toContain('"orphans": "keep" in both');
  });

  it("takes keys that cannot be the same, and those of models that remove no orphans", async () => {
    const kept = { ...USER, orphans: "keep", idType: "string" };
    const apart = { ...USER, idType: "number" };

    expect(await read({ models: [kept, { ...kept, name: "B" }] })).toHaveLength(2);
    expect(
      await read({
        models: [apart, { ...apart, name: "B", key: "user:{_id}:posts" }],
      }),
    ).toHaveLength(2);
  });

  it.each(["users", "a.b", "benutzer-ü", "a b"])("takes the collection %s", async (collection) => {
    const [model] = await read({ models: [{ ...USER, collection, database: "shop-1" }] });

    expect(model?.collection).toMatchObject({ collection, database: "shop-1" });
  });

  it("says of a file that is no JSON where it breaks off", async () => {
    writeFileSync(join(folder, "models.json"), '{"models": [');

    await expect(readModelsFile(join(folder, "models.json"))).rejects.toThrow("is not JSON: ");
  });

  it("says of a file that is not there that it cannot be read", async () => {
    await expect(readModelsFile(join(folder, "none.json"))).rejects.toThrow("ENOENT");
  });
});

async function read(content: unknown) {
  const file = join(folder, "models.json");
  writeFileSync(file, `\uFEFF${JSON.stringify(content)}`);
  return readModelsFile(file);
}

async function refusal(content: unknown): Promise<LockstepError | undefined> {
  try {
    await read(content);
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
  return undefined;
}
