import { Agent, request } from "node:http";
import type { CallReply, ErrorText } from "../../../src/transport/call-reply.ts";
import { LockstepProcess } from "../../support/lockstep-process.ts";

/** What came of a call: the tool's answer, its error, or no answer. */
export type Answer =
  | { readonly kind: "answer"; readonly content: Readonly<Record<string, unknown>> }
  | { readonly kind: "error"; readonly code: string; readonly message: string }
  /** Nobody listens there: the call cannot have been made. */
  | { readonly kind: "not sent" }
  | { readonly kind: "no answer"; readonly why: string };

/** After this a caller no longer waits; longer than any call may take while its process runs. */
const PATIENCE_MS = 6_000;

/** Nobody else would end them after an interrupt. */
const running = new Set<LockstepProcess>();
process.on("exit", () => {
  for (const { child } of running) child.kill("SIGKILL");
});

/**
 * A place for a Lockstep server process that speaks MCP over HTTP: it can be killed, stopped and started again, as
 * another process with the same settings.
 */
export class ServerProcess {
  readonly name: string;
  readonly #env: Record<string, string>;
  readonly #ended: string[] = [];
  #process: LockstepProcess | undefined;
  #url: URL | undefined;
  #agent = new Agent({ keepAlive: true });
  #isStopped = false;
  #startedAtMs = Number.POSITIVE_INFINITY;

  constructor(name: string, env: Record<string, string>) {
    this.name = name;
    this.#env = { LOCKSTEP_HTTP_PORT: "0", LOCKSTEP_HTTP_SESSIONS: "false", ...env };
  }

  /** True where it can answer a call. */
  get isWell(): boolean {
    return this.#process !== undefined && !this.#isStopped;
  }

  /** When the process that runs now was started, by the clock of the history. */
  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  /** Everything that its processes have written so far, the log lines in their order. */
  get log(): string {
    const current = this.#process === undefined ? [] : [textOf(this.#process)];
    return [...this.#ended, ...current].join("\n--- the next process ---\n");
  }

  /** Starts the process where none runs, and waits until it listens. */
  async start(): Promise<void> {
    if (this.#process !== undefined) return;
    const started = new LockstepProcess(["http"], this.#env);
    this.#process = started;
    running.add(started);
    this.#startedAtMs = performance.now();
    this.#isStopped = false;
    this.#url = new URL("/mcp", await started.url());
  }

  /** Ends it without a warning. */
  async kill(): Promise<void> {
    const killed = this.#process;
    if (killed === undefined) return;
    await killed.stop("SIGKILL");
    this.#forget(killed);
  }

  /** It stands still, and every connection to it stays open. */
  pause(): void {
    this.#isStopped = true;
    this.#process?.child.kill("SIGSTOP");
  }

  resume(): void {
    this.#process?.child.kill("SIGCONT");
    this.#isStopped = false;
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    const stopped = this.#process;
    if (stopped === undefined) return;
    this.resume();
    await stopped.stop();
    this.#forget(stopped);
  }

  async call(tool: string, args: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    if (this.#process === undefined || this.#url === undefined) return { kind: "not sent" };
    const body = {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: tool, arguments: args },
    };
    try {
      return readAnswer(await post(this.#url, this.#agent, JSON.stringify(body)));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code === "ECONNREFUSED"
        ? { kind: "not sent" }
        : { kind: "no answer", why: code ?? message };
    }
  }

  #forget(ended: LockstepProcess): void {
    this.#ended.push(textOf(ended));
    running.delete(ended);
    this.#process = undefined;
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true });
  }
}

function textOf({ stderr, exitCode: _exitCode, child }: LockstepProcess): string {
  return `pid ${child.pid}\n${stderr}`;
}

function post(url: URL, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", accept: "application/json" };
    const sent = request(
      url,
      { method: "POST", agent, headers, timeout: PATIENCE_MS },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`HTTP ${response.statusCode}: ${text}`));
        });
        response.on("error", reject);
        response.on("aborted", () => reject(new Error("The answer broke off.")));
      },
    );
    sent.on("error", reject);
    sent.on("timeout", () => sent.destroy(new Error("No answer in time.")));
    sent.end(body);
  });
}

function readAnswer(text: string): Answer {
  const { result, error } = JSON.parse(text) as { result?: CallReply; error?: { message: string } };
  if (result === undefined) {
    return { kind: "error", code: "JSON_RPC", message: error?.message ?? text };
  }
  if (result.isError === true) {
    const { code, message } = JSON.parse(result.content[0].text) as ErrorText;
    return { kind: "error", code, message };
  }
  return { kind: "answer", content: result.structuredContent as Record<string, unknown> };
}
