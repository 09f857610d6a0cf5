import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, symlink } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { repositoryRoot } from "../lockstep-process.ts";
import { freePort } from "../servers/free-port.ts";
import { GuardedFolder } from "../servers/guarded-folder.ts";
import { waitUntil } from "../wait-until.ts";

/** What `npm start` needs of the repository, beside node_modules. */
const neededPaths = [
  ".env.example",
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
  "scripts",
  "src",
  "test",
  "tools",
];

/** What is typed on the pages, and must not be reached by a test: servers of this machine, other machines. */
const beyondTheTest = /:(8080|6379|27017)\b|\b0\.0\.0\.0\b|\/path\/to\//;

/** A server that is built first answers within ten seconds, and on a machine that has much else to do later, milliseconds. */
export const ANSWERS_WITHIN_MS = 90_000;

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A reader's terminal in a clone of their own, with a home folder of its own: it keeps what was exported and named
 * (`export`, `alias`) for later commands, and at most one server running, as if in a second window.
 */
export class Terminal {
  /** The clone: a copy of the working tree, so that builds are out of the way of other tests. */
  readonly clone: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: GuardedFolder;
  readonly #standIns = new Map<string, string>();
  readonly #kept: string[] = [];
  #server: ChildProcess | undefined;

  private constructor(folder: GuardedFolder, port: number) {
    this.#folder = folder;
    this.clone = join(folder.path, "clone");
    this.url = `http://localhost:${port}`;
    this.env = {
      // The Node that runs the tests, whatever else is installed.
      PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
      HOME: join(folder.path, "home"),
      LOCKSTEP_HTTP_PORT: String(port),
    };
    this.standIn("localhost:8080", `localhost:${port}`);
    this.standIn("127.0.0.1:8080", `127.0.0.1:${port}`);
    this.standIn("/path/to/lockstep", this.clone);
    this.standIn("0.0.0.0", "127.0.0.1");
  }

  static async open(): Promise<Terminal> {
    const terminal = new Terminal(await GuardedFolder.create("readme"), await freePort());
    await mkdir(join(terminal.#folder.path, "home"));
    for (const path of neededPaths) {
      await cp(join(repositoryRoot, path), join(terminal.clone, path), { recursive: true });
    }
    await symlink(join(repositoryRoot, "node_modules"), join(terminal.clone, "node_modules"));
    return terminal;
  }

  /** From now on, `actual` is meant where the page says `written`. */
  standIn(written: string, actual: string): void {
    this.#standIns.set(written, actual);
  }

  /** The text with every stand-in in place. Error: it would still reach beyond the test. */
  adapt(text: string): string {
    let adapted = text;
    for (const [written, actual] of this.#standIns) adapted = adapted.replaceAll(written, actual);
    const beyond = beyondTheTest.exec(adapted)?.[0];
    if (beyond !== undefined) throw new Error(`Nothing stands in for ${beyond} in: ${text}`);
    return adapted;
  }

  /** Runs one command to its end. */
  async run(command: string): Promise<Finished> {
    const script = this.#scriptFor(command);
    if (/^(export|alias) /.test(command)) this.#kept.push(this.adapt(command));
    return new Promise((resolve) => {
      const options = { cwd: this.clone, env: this.env };
      const child = execFile("sh", ["-c", script], options, (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      });
      child.stdin?.end();
    });
  }

  /** Starts a command that serves, in place of the one before, and waits until it answers. */
  async serve(command: string): Promise<void> {
    await this.#endServer();
    // A process group of its own, which Ctrl-C reaches as a whole: npm, the shell and the server.
    const server = spawn("sh", ["-c", this.#scriptFor(command)], {
      cwd: this.clone,
      env: this.env,
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#server = server;
    this.#folder.guardOnly([-server.pid!]);
    let stderr = "";
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const state = await waitUntil(
      async () => (server.exitCode === null ? (await fetch(`${this.url}/live`)).ok : "ended"),
      { what: `${command} to answer`, withinMs: ANSWERS_WITHIN_MS },
    );
    if (state === "ended") throw new Error(`${command} ended with ${server.exitCode}: ${stderr}`);
  }

  async close(): Promise<void> {
    await this.#endServer();
    await this.#folder.remove();
  }

  #scriptFor(command: string): string {
    return [...this.#kept, this.adapt(command)].join("\n");
  }

  /** As Ctrl-C does it. */
  async #endServer(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server?.pid === undefined || server.exitCode !== null) return;
    const ended = once(server, "close");
    process.kill(-server.pid, "SIGINT");
    await ended;
    this.#folder.guardOnly([]);
  }
}
