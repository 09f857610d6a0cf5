import { readFileSync } from "node:fs";
import { LockstepError } from "../model/lockstep-error.ts";
import { KeyTemplate } from "../models/key-template.ts";
import type { Model } from "../models/model.ts";
import type { DeclaredModel } from "./models-file-schema.ts";

/**
 * The models that the file declares. Error: CONFIG_INVALID, which names the file, and each place in it that breaks a
 * rule with the rule. zod's schema is loaded only where there is a file.
 */
export async function readModelsFile(file: string): Promise<readonly Model[]> {
  const { modelsFileSchema } = await import("./models-file-schema.ts");
  const parsed = modelsFileSchema.safeParse(readJson(file));
  if (!parsed.success) {
    throw invalid(
      file,
      parsed.error.issues.map(({ path, message }) => `${placeOf(path)} ${message}`),
    );
  }
  const faults: string[] = [];
  const models: Model[] = [];
  for (const [at, declared] of parsed.data.models.entries()) {
    if (models.some(({ name }) => name === declared.name)) {
      faults.push(`models[${at}].name is ${declared.name}, as that of another model`);
    }
    try {
      models.push(modelOf(declared));
    } catch (error) {
      if (LockstepError.codeOf(error) !== "INPUT_INVALID") throw error;
      faults.push(`models[${at}].key ${(error as LockstepError).message}`);
    }
  }
  if (faults.length > 0) throw invalid(file, faults);
  return models;
}

/** What the file declares, in the form in which the services use it. Error: INPUT_INVALID for its key. */
function modelOf(declared: DeclaredModel): Model {
  const { versionField, timestampField, encoding } = declared;
  const id = { field: declared.idField, type: declared.idType };
  const key = new KeyTemplate(declared.key, id);
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

/** As people write it: models[0].key; the file itself where the rule is about all of it. */
function placeOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "the file";
  return path.reduce<string>((place, step) => {
    if (typeof step === "number") return `${place}[${step}]`;
    return place === "" ? String(step) : `${place}.${String(step)}`;
  }, "");
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
