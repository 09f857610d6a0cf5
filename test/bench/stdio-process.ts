import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";

/** A server started as MCP clients start one, spoken to in the bare protocol so that no client's start-up is measured. */
export class StdioProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  #lastId = 0;

  /** Starts Node with these arguments and nothing but `env` and the PATH in its environment. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, args, {
      stdio: ["pipe", "pipe", "ignore"],
      env: { PATH: process.env["PATH"], ...env },
    });
    const lines = createInterface({ input: this.#child.stdout });
    this.#lines = lines[Symbol.asyncIterator]();
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("The process did not start.");
    return this.#child.pid;
  }

  async initialize(): Promise<void> {
    await this.#ask("initialize", {
      protocolVersion: "2025-06-18",
      capabilities: {},
      clientInfo: { name: "lockstep-bench", version: "1" },
    });
    this.#send({ method: "notifications/initialized" });
  }

  /** Calls a tool and insists on an answer that is no error. */
  async call(name: string, args: object): Promise<void> {
    const result = await this.#ask("tools/call", { name, arguments: args });
    if (result.isError === true) throw new Error(`${name} failed: ${JSON.stringify(result)}`);
  }

  /** Ends the process as its client would: by closing its stdin. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.stdin.end();
    await exited;
  }

  async #ask(method: string, params: object): Promise<{ readonly isError?: boolean }> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#send({ id, method, params });
    for (;;) {
      const line = await this.#lines.next();
      if (line.done === true) throw new Error(`The process ended before it answered ${method}.`);
      const message = JSON.parse(line.value) as { id?: number; result?: object; error?: object };
      if (message.id !== id) continue;
      if (message.result === undefined) throw new Error(`${method}: ${JSON.stringify(message)}`);
      return message.result;
    }
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }
}
