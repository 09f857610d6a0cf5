import { z } from "zod";
import { reads } from "./annotations.ts";
import { defineTool } from "./define-tool.ts";
import type { Services } from "./services.ts";

export const listModels = defineTool({
  name: "list_models",
  title: "List models",
  description:
    "Lists the MongoDB collections that are declared as cached in Redis: their keys, encoding, and how a newer copy is told. Changes nothing.",
  input: z.strictObject({}),
  output: z.strictObject({
    models: z.array(
      z.strictObject({
        name: z.string(),
        collection: z.string(),
        database: z.string().nullable().describe("null = the one that MONGODB_URI names."),
        key: z.string().describe("The form of its keys in Redis."),
        idField: z.string(),
        idType: z.enum(["objectId", "uuid", "string", "number"]),
        encoding: z.enum(["json", "string", "hash"]),
        fields: z.array(z.string()).nullable().describe("The fields that are cached; null = all."),
        versionField: z.string().nullable(),
        timestampField: z.string().nullable(),
        ttlSec: z
          .number()
          .nullable()
          .describe("How long an entry lives that is written here; null = it keeps its TTL."),
        wins: z
          .enum(["store", "cache"])
          .describe("Which copy is right where both have the same version and still differ."),
        orphans: z.enum(["remove", "keep"]),
      }),
    ),
  }),
  annotations: reads,
  async handle(_, { models }: Pick<Services, "models">) {
    models.checkAny();
    return {
      models: models.models.map((model) => ({
        name: model.name,
        collection: model.collection.collection,
        database: model.collection.database ?? null,
        key: model.key.text,
        idField: model.collection.id.field,
        idType: model.collection.id.type,
        encoding: model.encoding,
        fields: model.fields === undefined ? null : [...model.fields],
        versionField: model.versionField ?? null,
        timestampField: model.timestampField ?? null,
        ttlSec: model.ttlSec ?? null,
        wins: model.wins,
        orphans: model.orphans,
      })),
    };
  },
});
