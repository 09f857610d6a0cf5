import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { programAt } from "../programs.ts";
import type { TriedWrite } from "./judge.ts";
import type { Place } from "./peer.ts";

export interface WriterOptions {
  /** Of all writers of a run one alone. */
  readonly name: string;
  readonly peer: string;
  readonly place: Place;
  readonly seed: number;
  readonly keys: number;
  /** Operations, of which three in ten write. */
  readonly perSecond: number;
  readonly logFile: string;
}

/** A process that writes through a peer. */
export class Writer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #options: WriterOptions;

  private constructor(options: WriterOptions) {
    this.#options = options;
    this.#child = spawn(
      process.execPath,
      [programAt("./peers/writer-main"), JSON.stringify(options)],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    // It may be gone when it is told to stop.
    this.#child.stdin.on("error", () => undefined);
  }

  /** Resolves when it has begun to write. */
  static async start(options: WriterOptions): Promise<Writer> {
    const writer = new Writer(options);
    const [first] = (await Promise.race([
      once(writer.#child.stdout, "data"),
      once(writer.#child, "exit"),
    ])) as [unknown];
    if (Buffer.isBuffer(first)) return writer;
    throw new Error(`The writer ${options.name} of ${options.peer} did not start.`);
  }

  /** Ends the load; the process and its workers stay. */
  stopLoad(): void {
    this.#child.stdin.write("stop\n");
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** What it has tried so far, and of what it was told that it is done. */
  async writes(): Promise<readonly TriedWrite[]> {
    const lines = (await readFile(this.#options.logFile, "utf8")).split("\n").slice(0, -1);
    const found = new Map<string, TriedWrite>();
    for (const line of lines) {
      const noted = JSON.parse(line) as TriedWrite;
      found.set(noted.id, { ...found.get(noted.id), ...noted });
    }
    return [...found.values()];
  }
}
