import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { waitUntil } from "../wait-until.ts";
import { requireServer } from "./found-servers.ts";
import { freePort } from "./free-port.ts";
import { GuardedFolder } from "./guarded-folder.ts";

export interface StartRedisOptions {
  /** The machine's own server (the default), or the oldest supported one. */
  readonly version?: "system" | "6.2";
  /** Added to the command line, and stronger than the defaults: no persistence, loopback only. */
  readonly args?: readonly string[];
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a server on a free port, with a folder of its own, and waits until it answers PING. */
export async function startRedis(options: StartRedisOptions = {}): Promise<RedisServer> {
  const { binary } = requireServer(options.version === "6.2" ? "redis-6.2" : "redis");
  // Somebody else can take a free port before Redis does; that is not worth a failed test.
  for (let attempt = 1; ; attempt += 1) {
    const folder = await GuardedFolder.create("redis");
    const server = new RedisServer(binary, await freePort(), folder, options);
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.close();
      if (attempt === 3 || !String(error).includes("Address already in use")) throw error;
    }
  }
}

/** A running redis-server. `close` belongs into `afterAll`; the rest is for tests of outages. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly #binary: string;
  readonly #folder: GuardedFolder;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #process: ChildProcess | undefined;

  constructor(
    binary: string,
    port: number,
    folder: GuardedFolder,
    { args = [], env = {} }: Pick<StartRedisOptions, "args" | "env">,
  ) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#binary = binary;
    this.#folder = folder;
    this.#args = args;
    this.#env = env;
  }

  /** The server's working folder, where dumps, append-only files and its log are. */
  get dir(): string {
    return this.#folder.path;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** Throws while the server is stopped. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("Redis is not running.");
    return pid;
  }

  /** Shuts down in good order; port and folder stay for `restart`. */
  async stop(): Promise<void> {
    if (this.#process === undefined) return;
    // A server stopped by SIGSTOP would never see the other signal.
    this.#process.kill("SIGCONT");
    await this.kill("SIGTERM");
  }

  /** Sends a signal, and waits for the end of the process unless it is a pause or its end. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const running = this.#process;
    if (running === undefined) throw new Error("Redis is not running.");
    if (signal === "SIGSTOP" || signal === "SIGCONT") {
      running.kill(signal);
      return;
    }
    const exited = once(running, "exit");
    running.kill(signal);
    await exited;
  }

  /** Stops the server if it runs, and starts it with the same port, folder and arguments. */
  async restart(): Promise<void> {
    await this.stop();
    const log = await open(join(this.dir, "redis.log"), "w");
    const started = spawn(this.#binary, this.#commandLine(), {
      stdio: ["ignore", log.fd, log.fd],
      env: { ...process.env, ...this.#env },
    });
    this.#process = started;
    started.once("exit", () => {
      this.#process = undefined;
      this.#folder.guardOnly([]);
    });
    await once(started, "spawn");
    await log.close();
    this.#folder.guardOnly([this.pid]);
    await this.#untilReady();
  }

  /**
   * Ends the server and removes its folder. At once, since nothing of it is to stay: Redis takes no notice of SIGTERM
   * while it writes its first append-only file.
   */
  async close(): Promise<void> {
    if (this.isRunning) await this.kill("SIGKILL");
    await this.#folder.remove();
  }

  #commandLine(): string[] {
    const port = ["--port", String(this.port), "--bind", "127.0.0.1"];
    return [...port, "--dir", this.dir, "--save", "", "--appendonly", "no", ...this.#args];
  }

  async #untilReady(): Promise<void> {
    const ready = await waitUntil(
      async () => (this.#process === undefined ? "exited" : await answersPing(this.port)),
      { what: "Redis to answer PING" },
    );
    if (ready !== "exited") return;
    throw new Error(`Redis did not start:\n${await readFile(join(this.dir, "redis.log"), "utf8")}`);
  }
}

/** A server that wants a password first is up as well. */
async function answersPing(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    const [reply] = (await once(socket, "data")) as [Buffer];
    return /^(\+PONG|-NOAUTH)/.test(reply.toString());
  } finally {
    socket.destroy();
  }
}
