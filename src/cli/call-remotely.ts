import type { CallReply } from "../transport/call-reply.ts";
import type { ListedTools } from "../transport/mcp-methods.ts";
import type { ToolCaller } from "./tool-caller.ts";
import { UsageError } from "./usage-error.ts";

/** Asks a running server over its single-request address. Errors: UsageError when it cannot be reached or refuses. */
export function openRemoteCaller(url: string, token: string | undefined): ToolCaller {
  const address = messageAddress(url);
  const headers = {
    "content-type": "application/json",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };

  async function ask(method: string, params: object): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    let response: Response;
    try {
      response = await fetch(address, { method: "POST", headers, body });
    } catch (error) {
      throw new UsageError(`${address} cannot be reached: ${reasonOf(error)}.`, { cause: error });
    }
    const text = await response.text();
    const { result, error } = parseAnswer(text);
    if (result !== undefined) return result;
    const hint = error?.data?.hint;
    const said = error?.message ?? `it does not look like a Lockstep server`;
    throw new UsageError(
      `${address} answered ${response.status}: ${said}${hint === undefined ? "" : ` ${hint}`}`,
    );
  }

  return {
    list: async () => ((await ask("tools/list", {})) as ListedTools).tools,
    call: async (name, args) => (await ask("tools/call", { name, arguments: args })) as CallReply,
    close: async () => undefined,
  };
}

/** People copy whichever of the server's addresses they have at hand. */
function messageAddress(url: string): string {
  const base = new URL(url);
  base.pathname = `${base.pathname.replace(/\/(mcp\/message|mcp|sse)?\/?$/, "")}/mcp/message`;
  base.search = "";
  return base.href;
}

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly message?: string; readonly data?: { readonly hint?: string } };
}

function parseAnswer(text: string): Answer {
  try {
    return (JSON.parse(text) ?? {}) as Answer;
  } catch {
    return {};
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
