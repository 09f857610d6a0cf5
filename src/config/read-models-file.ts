import { readFileSync } from "node:fs";
import { isRecord } from "../lib/is-record.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { commonKey } from "../models/key-overlap.ts";
import { KEY_TEMPLATE_MAX, KeyTemplate } from "../models/key-template.ts";
import type { Model } from "../models/model.ts";
import { ID_TYPES, type IdType } from "../store/model-documents-port.ts";
import { describeFaults, type Fault } from "./models-file-faults.ts";
import type { DeclaredModel } from "./models-file-schema.ts";

/**
 * The models that the file declares. Error: CONFIG_INVALID, which names the file, and each place in it that breaks a
 * rule with the rule. zod's schema is loaded only where there is a file.
 */
export async function readModelsFile(file: string): Promise<readonly Model[]> {
  const { FILE_FIELDS, MODEL_FIELDS, modelsFileSchema } = await import("./models-file-schema.ts");
  const content = readJson(file);
  const parsed = modelsFileSchema.safeParse(content);
  const fields = { file: FILE_FIELDS, model: MODEL_FIELDS };
  const broken = parsed.success ? [] : describeFaults(parsed.error.issues, content, fields);
  const { keys, faults } = readTogether(content);
  const all = [...broken, ...faults].toSorted((one, other) => one.at - other.at);
  if (!parsed.success || all.length > 0) {
    throw invalid(
      file,
      all.map(({ text }) => text),
    );
  }
  return parsed.data.models.flatMap((declared, at) => {
    const key = keys.get(at);
    return key === undefined ? [] : [modelOf(declared, key)];
  });
}

/** A model of which it is not known yet whether its fields are what they should be. */
type Unread = Readonly<Record<string, unknown>>;

/**
 * The rules that no field breaks by itself, and the key templates. They are looked at also where the schema has found
 * something elsewhere, so that a file is corrected in one go.
 */
function readTogether(content: unknown): {
  readonly keys: ReadonlyMap<number, KeyTemplate>;
  readonly faults: readonly Fault[];
} {
  const listed = isRecord(content) ? content["models"] : undefined;
  const models = Array.isArray(listed) ? (listed as readonly unknown[]) : [];
  const keys = new Map<number, KeyTemplate>();
  const faults: Fault[] = [];
  const names = new Set<unknown>();
  for (const [at, model] of models.entries()) {
    if (!isRecord(model)) continue;
    const found = (text: string) => faults.push({ at, text: `models[${at}].${text}` });
    const { name, encoding, fields } = model;
    if (typeof name === "string" && names.has(name))
      found(`name is ${name}, as that of another model`);
    names.add(name);
    const cached = fields === undefined ? 0 : Array.isArray(fields) ? fields.length : 1;
    if (encoding === "string" && cached !== 1)
      found("fields must name exactly one field, the cached one, where encoding is string");
    try {
      const key = keyOf(model);
      if (key !== undefined) keys.set(at, key);
    } catch (error) {
      if (LockstepError.codeOf(error) !== "INPUT_INVALID") throw error;
      found(`key ${(error as LockstepError).message}`);
    }
  }
  return { keys, faults: [...faults, ...overlaps(models, keys)] };
}

/** Undefined where the schema has something to say of what it is made of. Error: INPUT_INVALID. */
function keyOf({ key, idField = "_id", idType = "objectId" }: Unread): KeyTemplate | undefined {
  if (typeof key !== "string" || key.length > KEY_TEMPLATE_MAX) return undefined;
  if (typeof idField !== "string" || !isIdType(idType)) return undefined;
  return new KeyTemplate(key, { field: idField, type: idType });
}

/**
 * Models that may take each other's entries for their own: reconciling one of them would remove those of the other, whose
 * documents it does not have.
 */
function overlaps(
  models: readonly unknown[],
  keys: ReadonlyMap<number, KeyTemplate>,
): readonly Fault[] {
  const keptAt = (at: number) => (models[at] as Unread)["orphans"] === "keep";
  const textOf = (at: number) => {
    const { name, key } = models[at] as Unread;
    const owner = typeof name === "string" ? ` of ${name}` : "";
    return `models[${at}].key ${JSON.stringify(key)}${owner}`;
  };
  const all = [...keys];
  return all.flatMap(([at, key], index) =>
    all.slice(0, index).flatMap(([before, other]): Fault[] => {
      if (keptAt(at) && keptAt(before)) return [];
      const common = commonKey(key, other);
      if (common === undefined) return [];
      const text = `${textOf(at)} and ${textOf(before)} can be the same, as ${JSON.stringify(common)}, so a reconciliation of one would remove the entries of the other; give them different text, or set "orphans": "keep" in both`;
      return [{ at, text }];
    }),
  );
}

/** What the file declares, in the form in which the services use it. */
function modelOf(declared: DeclaredModel, key: KeyTemplate): Model {
  const { versionField, timestampField, encoding } = declared;
  const { id } = key;
  const dating = [versionField, timestampField].filter((field) => field !== undefined);
  const cached =
    declared.fields === undefined
      ? undefined
      : [...new Set([...declared.fields, ...(encoding === "string" ? [] : dating)])];
  const topLevel = (path: string) => path.split(".", 1)[0] ?? path;
  const read =
    cached === undefined
      ? undefined
      : [...new Set([...cached, ...dating, ...key.fields.map(topLevel), id.field])];
  return {
    name: declared.name,
    collection: {
      database: declared.database,
      collection: declared.collection,
      id,
      filter: declared.filter,
      fields: read,
    },
    key,
    encoding,
    fields: cached,
    versionField,
    timestampField,
    timestampUnit: declared.timestampUnit,
    ttlSec: declared.ttlSec,
    wins: declared.wins,
    orphans: declared.orphans,
    types: declared.types,
  };
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw invalid(file, [`cannot be read: ${reasonOf(error)}`]);
  }
  try {
    // Editors on Windows begin a file with a byte order mark, which JSON does not know.
    return JSON.parse(text.replace(/^\uFEFF/, "")) as unknown;
  } catch (error) {
    throw invalid(file, [`is not JSON: ${reasonOf(error)}`]);
  }
}

function invalid(file: string, faults: readonly string[]): LockstepError {
  return new LockstepError(
    "CONFIG_INVALID",
    `LOCKSTEP_MODELS_FILE ${JSON.stringify(file)}: ${faults.join("; ")}.`,
    {
      hint: "Correct the file; docs/MODELS.md explains each field, docs/models.schema.json checks it in an editor.",
    },
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isIdType(text: unknown): text is IdType {
  return ID_TYPES.some((type) => type === text);
}
