import { configSchema, type Variable } from "../../src/config/schema.ts";

/** The default as people write it. */
export function defaultOf({ field, defaultText }: Variable): string {
  if (defaultText !== undefined) return defaultText;
  const preset = configSchema.shape[field].parse(undefined);
  if (preset === undefined || preset === null) return "not set";
  if (Array.isArray(preset)) return preset.length === 0 ? "none" : preset.join(",");
  return typeof preset === "object" ? JSON.stringify(preset) : String(preset);
}

export function groupBySection(
  variables: readonly Variable[],
): ReadonlyMap<string, readonly Variable[]> {
  const groups = new Map<string, Variable[]>();
  for (const variable of variables) {
    groups.set(variable.section, [...(groups.get(variable.section) ?? []), variable]);
  }
  return groups;
}
