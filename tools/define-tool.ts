import type { z } from "zod";
import type { CallContext, Tool, ToolAnnotations } from "../src/transport/tool.ts";

/** One tool before it knows its services: names, schemas and the one call it makes. */
export interface ToolDefinition<Input extends z.ZodObject, Output extends z.ZodObject, Services> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly annotations: ToolAnnotations;
  handle(args: z.output<Input>, services: Services, context: CallContext): Promise<z.input<Output>>;
}

/** Returns the definition as a function that binds it to its services, with the types of both schemas checked. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject, Services>(
  definition: ToolDefinition<Input, Output, Services>,
): (services: Services) => Tool {
  const { name, title, description, input, output, annotations } = definition;
  return (services) => ({
    name,
    title,
    description,
    input,
    output,
    annotations,
    // The envelope parses with `input` first, so the cast states what has just been checked.
    run: (args, context) => definition.handle(args as z.output<Input>, services, context),
  });
}
