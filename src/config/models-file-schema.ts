import { z } from "zod";
import { KEY_TEMPLATE_MAX } from "../models/key-template.ts";
import { KV } from "../models/model.ts";
import { ID_TYPES } from "../store/model-documents-port.ts";

const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;

const collectionName = z
  .string()
  .max(255)
  .regex(/^(?!system\.)[^.$\0]+(?:\.[^.$\0]+)*$/, {
    error:
      "must be a name that MongoDB takes: not empty, no $, no dot at either end or beside another, and no leading system.",
  });

const databaseName = z
  .string()
  .max(63)
  .regex(/^[^/\\. "$\0]+$/, {
    error: 'must be a name that MongoDB takes: not empty, no space, and none of / \\ . " $',
  });

const plainField = z.string().regex(/^[^.$\0][^.\0]*$/, {
  error: "must be the name of a field at the top of the document: not empty, no dot, no leading $",
});

const modelSchema = z.strictObject({
  name: z
    .string()
    .max(128)
    .regex(NAME, {
      error: "must be made of letters, digits, _ . and -, and begin with no . or -",
    })
    .refine((name) => name !== KV, {
      error: `must not be ${KV}: results of checks call the keys of cache and store so`,
    })
    .describe("How tools, logs and locks name the model, for example accounts.User."),
  collection: collectionName.describe("The MongoDB collection with the documents."),
  database: databaseName
    .optional()
    .describe("The database of the collection. Default: the one that MONGODB_URI names."),
  key: z
    .string()
    .max(KEY_TEMPLATE_MAX)
    .describe(
      "The form of the Redis keys: text, and fields in braces, the id among them. For example user:{_id}, or tenant:{tenantId}:user:{_id}.",
    ),
  idField: plainField
    .default("_id")
    .describe("The field by which a document is known. Unique, and indexed unless it is _id."),
  idType: z
    .enum(ID_TYPES)
    .default("objectId")
    .describe("The type of that field. Documents whose id has another type are not seen."),
  encoding: z
    .enum(["json", "string", "hash"])
    .default("json")
    .describe(
      "How an entry is written. json: one object in a Redis string. string: the text of one field in a Redis string. hash: a Redis hash with one field for each field of the document.",
    ),
  fields: z
    .array(plainField)
    .min(1)
    .optional()
    .describe(
      "The fields that are cached; versionField and timestampField always are, except with the encoding string, which has exactly one. Default: all.",
    ),
  versionField: plainField
    .optional()
    .describe(
      "The field that grows with each change, for example __v: a number, Date, or text. The copy with the greater one is the newer.",
    ),
  timestampField: plainField
    .optional()
    .describe(
      "The field that says when the document was last changed, for example updatedAt: a Date, ISO 8601 text, or a number. Decides where versions do not.",
    ),
  timestampUnit: z
    .enum(["ms", "s"])
    .default("ms")
    .describe("What a number in timestampField counts: milliseconds or seconds since 1970."),
  ttlSec: z
    .int()
    .min(1)
    .max(315_360_000)
    .optional()
    .describe(
      "How long an entry that is written here lives, seconds. Default: a new entry stays, and one that is replaced keeps its TTL.",
    ),
  wins: z
    .enum(["store", "cache"])
    .default("store")
    .describe("Which copy is right where both have the same version and still differ."),
  orphans: z
    .enum(["remove", "keep"])
    .default("remove")
    .describe(
      "What a reconciliation does with an entry whose document does not exist. keep: where the application writes new documents to Redis first, or has other keys of the same form.",
    ),
  types: z
    .record(
      plainField,
      z.enum(["objectId", "uuid", "date", "decimal", "long", "binary", "string", "json"]),
    )
    .default({})
    .describe(
      "BSON types by field, for a field that a document may lack or hold null in while the cached copy has a text there that could be a Date or an ObjectId, or anything in a hash. json takes it as JSON says.",
    ),
  filter: z
    .record(plainField, z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .default({})
    .describe("Only documents whose fields equal these are cached. Default: all."),
});

/** What LOCKSTEP_MODELS_FILE holds. docs/models.schema.json is made from it. */
export const modelsFileSchema = z
  .strictObject({
    $schema: z.string().optional().describe("For editors: the address of this schema."),
    models: z.array(modelSchema).describe("One entry for each collection that is cached."),
  })
  .describe("The collections of applications that Lockstep compares with their entries in Redis.");

/** What an entry of the file may hold. */
export const MODEL_FIELDS: readonly string[] = Object.keys(modelSchema.shape);

/** What the file itself may hold. */
export const FILE_FIELDS: readonly string[] = Object.keys(modelsFileSchema.shape);

/** One entry of the file, defaults filled in. */
export type DeclaredModel = z.output<typeof modelSchema>;
