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
    ["an unknown field", { models: [{ ...USER, ttl: 5 }] }, 'models[0] Unrecognized key: "ttl"'],
    ["no collection", { models: [{ ...USER, collection: undefined }] }, "models[0].collection "],
    ["an unknown encoding", { models: [{ ...USER, encoding: "bson" }] }, "models[0].encoding "],
    [
      "a TTL that is no number",
      { models: [USER, { ...USER, name: "b", ttlSec: "5" }] },
      "models[1].ttlSec ",
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
    ["no list", [], "the file "],
    [
      "an operator as filter",
      { models: [{ ...USER, filter: { age: { $gt: 5 } } }] },
      "models[0].filter.age ",
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

  it("names every fault at once", async () => {
    const error = await refusal({
      models: [
        { ...USER, key: "a" },
        { ...USER, name: "b", key: "b" },
      ],
    });

    expect(error?.message).toContain("models[0].key");
    expect(error?.message).toContain("models[1].key");
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
