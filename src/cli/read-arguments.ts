import { nearestName } from "../lib/nearest-name.ts";
import type { ListedTool } from "../transport/mcp-methods.ts";
import { UsageError } from "./usage-error.ts";

/** As much of JSON Schema as tools use for one field. */
interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly FieldSchema[];
  readonly items?: FieldSchema;
  readonly description?: string;
}

export interface ToolField {
  readonly name: string;
  readonly isRequired: boolean;
  readonly types: readonly string[];
  readonly description: string;
  /** Whether the word null stands for null in a field whose other values are a few given words. */
  readonly takesNullWord: boolean;
  /** Of each element, where the field is a list. */
  readonly itemTypes: readonly string[];
}

export function fieldsOf({ inputSchema }: Pick<ListedTool, "inputSchema">): readonly ToolField[] {
  const properties = (inputSchema["properties"] ?? {}) as Record<string, FieldSchema>;
  const required = (inputSchema["required"] ?? []) as readonly string[];
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    isRequired: required.includes(name),
    types: typesOf(schema),
    description: schema.description ?? "",
    takesNullWord: (schema.anyOf ?? []).some((one) => one.enum !== undefined),
    itemTypes: schema.items === undefined ? [] : typesOf(schema.items),
  }));
}

/**
 * Turns `name=value` words into a tool's arguments. Each value takes the type of its field, so `value=300` is text
 * where the field is text. A list is separated by commas. Error: UsageError, before anything has been done.
 */
export function readArguments(
  words: readonly string[],
  tool: Pick<ListedTool, "name" | "inputSchema">,
): Record<string, unknown> {
  const fields = fieldsOf(tool);
  const args: Record<string, unknown> = {};
  for (const word of words) {
    const { name, text } = splitWord(word);
    const field = fields.find((one) => one.name === name);
    if (field === undefined) throw unknownField(name, tool.name, fields);
    if (Object.hasOwn(args, name)) throw new UsageError(`${name} is given twice.`);
    args[name] = readValue(text, field);
  }
  const missing = fields.filter((field) => field.isRequired && !Object.hasOwn(args, field.name));
  if (missing.length > 0) {
    const names = missing.map(({ name }) => `${name}=…`).join(" ");
    throw new UsageError(`${tool.name} also needs ${names}`);
  }
  return args;
}

function splitWord(word: string): { readonly name: string; readonly text: string } {
  const equals = word.indexOf("=");
  if (equals > 0) return { name: word.slice(0, equals), text: word.slice(equals + 1) };
  throw new UsageError(`${word} is not of the form name=value.`);
}

function unknownField(name: string, tool: string, fields: readonly ToolField[]): UsageError {
  const names = fields.map((field) => field.name);
  const nearest = nearestName(name, names);
  const guess = nearest === undefined ? "" : `, did you mean ${nearest}?`;
  const there =
    names.length === 0 ? `${tool} takes no fields.` : `${tool} takes ${names.join(", ")}.`;
  return new UsageError(`There is no field ${name}${guess || "."} ${there}`);
}

function readValue(text: string, { name, types, itemTypes, takesNullWord }: ToolField): unknown {
  if (takesNullWord && types.includes("null") && text === "null") return null;
  if (!types.includes("array")) return readScalar(text, name, types);
  const entries = text === "" ? [] : text.split(",");
  return entries.map((entry) => readScalar(entry, name, itemTypes));
}

/** Text that the field can take as it is stays text, so that no value changes on its way. */
function readScalar(text: string, name: string, types: readonly string[]): unknown {
  if (types.length === 0 || types.includes("string")) return text;
  if (types.includes("boolean") && (text === "true" || text === "false")) return text === "true";
  const isNumeric = types.includes("number") || types.includes("integer");
  if (isNumeric && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (types.includes("null") && text === "null") return null;
  const wanted = types.includes("boolean") ? "true or false" : "a number";
  throw new UsageError(`${name} takes ${wanted}, and was given ${JSON.stringify(text)}.`);
}

function typesOf(schema: FieldSchema): readonly string[] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap(typesOf);
  if (schema.enum !== undefined) return schema.enum.map((value) => typeof value);
  return schema.type === undefined ? [] : [schema.type].flat();
}
