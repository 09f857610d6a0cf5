import { z } from "zod";
import { isRecord } from "../lib/is-record.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { CallReply } from "./call-reply.ts";
import type { Envelope } from "./envelope.ts";
import type { Progress } from "./progress-gate.ts";
import { ProtocolError } from "./protocol-error.ts";
import { supportedVersions } from "./protocol-versions.ts";
import type { Tool } from "./tool.ts";

export interface McpRequest {
  readonly method: string;
  readonly params?: unknown;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface ListedTools {
  readonly tools: readonly ListedTool[];
}

export type ListedTool = Pick<Tool, "name" | "title" | "description" | "annotations"> & {
  /** JSON Schema 2020-12. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema: Readonly<Record<string, unknown>>;
};

/** Answers one MCP request. Fails with ProtocolError only. */
export type McpMethods = (request: McpRequest) => Promise<CallReply | ListedTools>;

/** The MCP methods this server has beyond the handshake, for every transport alike. */
export function makeMcpMethods(envelope: Envelope): McpMethods {
  let listed: ListedTools | undefined;
  return async ({ method, params, signal, onProgress }) => {
    refuseLaterRevision(params);
    if (method === "tools/list") {
      // Made once: the schemas never change, and clients ask for the list again and again.
      listed ??= { tools: envelope.tools.map(describeTool) };
      return listed;
    }
    if (method === "tools/call") {
      const { name, args } = readCall(params);
      try {
        return await envelope.call({
          name,
          args,
          ...(signal === undefined ? {} : { signal }),
          ...(onProgress === undefined ? {} : { onProgress }),
        });
      } catch (error) {
        throw asProtocolError(error);
      }
    }
    throw new ProtocolError("methodNotFound", `There is no method ${method.slice(0, 128)}.`);
  };
}

/** A tool as tools/list shows it. */
export function describeTool(tool: Tool): ListedTool {
  const { name, title, description, annotations } = tool;
  return {
    name,
    title,
    description,
    inputSchema: z.toJSONSchema(tool.input, { io: "input" }),
    outputSchema: z.toJSONSchema(tool.output, { io: "output" }),
    annotations,
  };
}

function readCall(params: unknown): { readonly name: string; readonly args: unknown } {
  const { name, arguments: args } = isRecord(params) ? params : {};
  if (typeof name === "string") return { name, args };
  throw new ProtocolError("invalidParams", "tools/call needs params.name, the name of a tool.", {
    hint: "Call tools/list for the tools there are.",
  });
}

/**
 * From 2026-07-28 on, a request names its revision in its envelope and expects another shape of answer. Refusing it
 * tells a client that can speak both which one to use; answering it in the older shape would only confuse it.
 * Fails with ProtocolError.
 */
export function refuseLaterRevision(params: unknown): void {
  const meta = isRecord(params) ? params["_meta"] : undefined;
  const requested = isRecord(meta) ? meta["io.modelcontextprotocol/protocolVersion"] : undefined;
  if (typeof requested !== "string" || supportedVersions.includes(requested)) return;
  throw new ProtocolError(
    "unsupportedProtocolVersion",
    `This server does not speak the revision ${requested.slice(0, 32)}.`,
    { supported: supportedVersions, requested },
  );
}

function asProtocolError(error: unknown): unknown {
  if (!(error instanceof LockstepError)) return error;
  const { code, message, hint } = error;
  return new ProtocolError("invalidParams", `${message} ${hint}`, { code, hint });
}
