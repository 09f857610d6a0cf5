import type { CallReply } from "../transport/call-reply.ts";
import type { ListedTool } from "../transport/mcp-methods.ts";

/** Where the shell form runs its tool: in this process, or in a server that is running. */
export interface ToolCaller {
  list(): Promise<readonly ListedTool[]>;
  call(name: string, args: object): Promise<CallReply>;
  close(): Promise<void>;
}
