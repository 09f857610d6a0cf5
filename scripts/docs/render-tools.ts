import { describeTool, type ListedTool } from "../../src/transport/mcp-methods.ts";
import type { Tool } from "../../src/transport/tool.ts";
import { cell } from "./cell.ts";

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
}

/** docs/TOOLS.md, from the tools as tools/list shows them. */
export function renderTools(tools: readonly Tool[]): string {
  const listed = tools.map(describeTool);
  const index = listed.map(({ name, title }) => `- [\`${name}\`](#${name}): ${title}`);
  return `# Tools

Made by \`npm run docs\` from the tools themselves.

Fields are camelCase, and an unknown one is refused. Times are ISO 8601 text, ages and latencies milliseconds, times to
live seconds. Each answer comes twice, as \`structuredContent\` and as the same JSON in a text. What a failure looks like
is in [ERRORS.md](ERRORS.md). The examples run as they stand: the first line of each in the shell, after
\`npm run build\`, the second against a server that \`npm start\` has started.

${index.join("\n")}

${listed.map(renderTool).join("\n")}`;
}

function renderTool(tool: ListedTool): string {
  const { name, title, description, annotations, inputSchema, outputSchema } = tool;
  const example = exampleOf(inputSchema);
  const words = Object.entries(example).map(([field, value]) => ` ${field}=${String(value)}`);
  const params = { name, ...(words.length === 0 ? {} : { arguments: example }) };
  const body = JSON.stringify({ method: "tools/call", params });
  return `## ${name}

**${title}.** ${description}

${describeAnnotations(annotations)}

${renderFields("takes", inputSchema)}

${renderFields("answers", outputSchema)}

\`\`\`sh
node dist/src/main.js ${name}${words.join("")}
curl -X POST http://localhost:8080/mcp/message -H "Content-Type: application/json" -d '${body}'
\`\`\`
`;
}

function describeAnnotations(hints: ListedTool["annotations"]): string {
  if (hints.readOnlyHint) return "Changes nothing.";
  const again = hints.idempotentHint
    ? "the same call again changes nothing more"
    : "each call counts";
  return `${hints.destructiveHint ? "May replace or remove what is there" : "Only adds"}; ${again}.`;
}

function renderFields(verb: "takes" | "answers", schema: JsonSchema): string {
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return "It takes no fields.";
  const rows = fields.map(([name, field]) => {
    const isRequired = schema.required?.includes(name) ?? false;
    const optional = verb === "takes" && !isRequired ? ", optional" : "";
    const preset = field.default === undefined ? "" : ` Default: ${JSON.stringify(field.default)}.`;
    return `| \`${name}\` | ${cell(typeOf(field))}${optional} | ${cell(field.description ?? "")}${preset} |`;
  });
  return `| it ${verb} | type | meaning |
| --- | --- | --- |
${rows.join("\n")}`;
}

function typeOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((one) => `"${String(one)}"`).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object") return typeOfObject(schema);
  return [schema.type ?? "anything"].flat().join(" or ");
}

function typeOfObject({ properties, additionalProperties }: JsonSchema): string {
  const names = Object.keys(properties ?? {});
  if (names.length > 0) return `{ ${names.join(", ")} }`;
  return typeof additionalProperties === "object"
    ? `object of ${typeOf(additionalProperties)}`
    : "object";
}

/** The required fields with something in them. */
function exampleOf({ properties = {}, required = [] }: JsonSchema): Record<string, unknown> {
  return Object.fromEntries(
    required.map((name) => {
      const { type } = properties[name] ?? {};
      return [name, type === "string" ? (EXAMPLES[name] ?? "text") : 1];
    }),
  );
}

const EXAMPLES: Readonly<Record<string, string>> = { key: "greeting", value: "hello" };
