import { listTools } from "../../../src/app/list-tools.ts";
import type { CallReply, ErrorText } from "../../../src/transport/call-reply.ts";
import type { ToolAnswers, ToolName } from "./tool-answers.ts";

/** A Lockstep that a test talks to: in this process or in one of its own. */
export interface Caller {
  /** Calls a tool and answers what its output schema makes of the reply. A tool error is thrown as {@link ToolFailure}. */
  call<Name extends ToolName>(
    tool: Name,
    args?: Readonly<Record<string, unknown>>,
  ): Promise<ToolAnswers[Name]>;
  close(): Promise<void>;
}

/** What a tool error told its caller. `expect(…).rejects.toMatchObject({ code })` reads well with it. */
export class ToolFailure extends Error implements ErrorText {
  readonly code: string;
  readonly hint: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number;

  constructor(tool: string, { code, message, hint, retryable, retryAfterMs }: ErrorText) {
    super(`${tool}: ${code}: ${message}`);
    this.name = "ToolFailure";
    this.code = code;
    this.hint = hint;
    this.retryable = retryable;
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

const outputs = new Map(listTools().map(({ name, output }) => [name, output]));

/** The same for every way a reply can come. */
export function readReply<Name extends ToolName>(
  tool: Name,
  { content, structuredContent, isError }: CallReply,
): ToolAnswers[Name] {
  if (isError === true) throw new ToolFailure(tool, JSON.parse(content[0].text) as ErrorText);
  const output = outputs.get(tool);
  if (output === undefined) throw new TypeError(`There is no tool ${tool}.`);
  // The schema has checked it; that this type says the same is for the compiler alone.
  return output.parse(structuredContent) as unknown as ToolAnswers[Name];
}
