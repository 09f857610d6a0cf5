import { existsSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { CallReply } from "../../../src/transport/call-reply.ts";
import { waitUntil } from "../wait-until.ts";
import { type Caller, readReply } from "./caller.ts";
import type { Variables } from "./open-lockstep.ts";
import { QUIET_JOBS } from "./quiet-jobs.ts";

const main = join(import.meta.dirname, "../../../dist/src/main.js");

/** A Lockstep in a process of its own, as an MCP client starts it. */
export interface StartedLockstep extends Caller {
  readonly pid: number;
  /** What it has written to stderr so far. */
  readonly stderr: () => string;
  /** Ends it without warning; `close` is then no longer needed, and harmless. */
  kill(): Promise<void>;
}

/** Starts the built server over stdio and shakes hands. `npm run build` must have run. */
export async function startLockstep(variables: Variables): Promise<StartedLockstep> {
  if (!existsSync(main)) throw new Error(`There is no ${main}: run npm run build first.`);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main],
    env: { LOCKSTEP_LOG_LEVEL: "warn", ...QUIET_JOBS, ...variables },
    stderr: "pipe",
  });
  let stderr = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const client = new Client({ name: "lockstep-tests", version: "0" });
  try {
    await client.connect(transport);
  } catch (error) {
    await client.close();
    throw new Error(`The server did not start: ${stderr}`, { cause: error });
  }
  const { pid } = transport;
  if (pid === null) throw new Error("The server has already ended.");
  return {
    pid,
    stderr: () => stderr,
    async call(tool, args = {}) {
      const reply = await client.callTool({ name: tool, arguments: { ...args } });
      return readReply(tool, reply as unknown as CallReply);
    },
    async kill() {
      process.kill(pid, "SIGKILL");
      await waitUntil(() => transport.pid === null || !isAlive(pid), {
        what: "the process to end",
      });
      await client.close();
    },
    close: () => client.close(),
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
