import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QUIET_JOBS } from "./lockstep/quiet-jobs.ts";
import { waitUntil } from "./wait-until.ts";

export const repositoryRoot = join(import.meta.dirname, "../..");
/** What `npm run build` has made; `npm test` builds first. */
export const lockstepBin = import.meta.url.endsWith(".ts")
  ? join(repositoryRoot, "dist/src/main.js")
  : join(import.meta.dirname, "../../src/main.js");

/** A folder with a database of its own, and the environment that leads a process there and to no server. */
export async function openHome(env: Record<string, string> = {}): Promise<{
  readonly folder: string;
  readonly env: Record<string, string>;
  remove(): Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "lockstep-e2e-"));
  return {
    folder,
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      LOCKSTEP_SQLITE_FILE: join(folder, "lockstep.db"),
      ...QUIET_JOBS,
      ...env,
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The real program as a process of its own, with what it has printed so far. */
export class LockstepProcess {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | NodeJS.Signals>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], env: Record<string, string>) {
    this.child = spawn(process.execPath, [lockstepBin, ...args], {
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    // The process may end before it has read everything.
    this.child.stdin?.on("error", () => undefined);
    this.exitCode = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
    });
  }

  send(...messages: readonly object[]): void {
    for (const message of messages) this.child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** Every message on stdout. Fails if anything else was printed there. */
  messages(): readonly { id?: unknown; result?: object; error?: { code: number } }[] {
    const lines = this.stdout.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as { id?: unknown });
  }

  async answerTo(id: unknown): Promise<{ result?: object; error?: { code: number } }> {
    return waitUntil(() => this.messages().find((message) => message.id === id), {
      what: `the answer to ${String(id)}; stderr: ${this.stderr}`,
    });
  }

  /** The address that an HTTP server prints when it listens. */
  async url(): Promise<string> {
    return waitUntil(() => /listens on (http:\S+)/.exec(this.stdout)?.[1], {
      withinMs: 120_000,
      what: "the start screen",
    });
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | NodeJS.Signals> {
    this.child.kill(signal);
    return this.exitCode;
  }
}

/** Runs the program to its end. */
export async function runLockstep(
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }> {
  const lockstep = new LockstepProcess(args, env);
  lockstep.child.stdin?.end();
  const code = await lockstep.exitCode;
  return { code, stdout: lockstep.stdout, stderr: lockstep.stderr };
}
