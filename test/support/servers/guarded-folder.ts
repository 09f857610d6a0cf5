import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Reads lines of process ids, the last line counts. At the end of its input it kills them and
 * removes the folder. A killed server may write for a moment longer, hence the second attempt.
 */
const guard = `
  trap '' INT TERM HUP
  pids=
  while read -r line; do pids=$line; done
  [ -z "$pids" ] || kill -9 $pids
  rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`;

/**
 * A temporary folder whose servers do not outlive this process. A test run can end without running
 * a line of ours (a closed terminal, a killed worker), so a small shell waits at the end of a pipe:
 * the system closes the pipe however we end.
 */
export class GuardedFolder {
  readonly path: string;
  readonly #guard: ChildProcess;

  private constructor(path: string) {
    this.path = path;
    this.#guard = spawn("/bin/sh", ["-c", guard, "guard", path], {
      stdio: ["pipe", "ignore", "ignore"],
    });
  }

  static async create(name: string): Promise<GuardedFolder> {
    return new GuardedFolder(await mkdtemp(join(tmpdir(), `lockstep-${name}-`)));
  }

  /** The processes to end with this one; replaces those named before. */
  guardOnly(pids: readonly number[]): void {
    this.#guard.stdin?.write(`${pids.join(" ")}\n`);
  }

  /** Ends what is still guarded and removes the folder. */
  async remove(): Promise<void> {
    if (this.#guard.exitCode !== null) return;
    const exited = once(this.#guard, "exit");
    this.#guard.stdin?.end();
    await exited;
  }
}
