import { type ChildProcess, execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { lockstepBin } from "./lockstep-process.ts";
import { findOnPath } from "./servers/program.ts";

/** Makes a pseudo-terminal, runs the words behind it there, and ends as they end. */
const PYTHON = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/** How to run words on a pseudo-terminal: program and arguments. */
export type TerminalMaker = (words: readonly string[]) => readonly [string, ...string[]];

/** `script` of util-linux, else Python; undefined where there is neither. */
export async function findTerminalMaker(): Promise<TerminalMaker | undefined> {
  const script = await findOnPath(["script"]);
  if (script !== undefined && (await isOfUtilLinux(script)))
    // A shell around it would be ended by Ctrl-C too, and its end be told instead.
    return (words) => [script, "-qec", `exec ${words.map(quoted).join(" ")}`, "/dev/null"];
  const python = await findOnPath(["python3"]);
  return python === undefined ? undefined : (words) => [python, "-c", PYTHON, ...words];
}

/** Other systems have another one of that name. */
async function isOfUtilLinux(script: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)(script, ["--version"]).catch(() => ({ stdout: "" }));
  return stdout.includes("util-linux");
}

/** The real program on a pseudo-terminal, with all that it has shown there so far. */
export class TerminalProcess {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | NodeJS.Signals>;
  shown = "";

  constructor(make: TerminalMaker, args: readonly string[], env: Record<string, string>) {
    const [program, ...words] = make([process.execPath, lockstepBin, ...args]);
    this.child = spawn(program, words, { env, stdio: ["pipe", "pipe", "inherit"] });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.shown += text;
    });
    this.child.stdin?.on("error", () => undefined);
    this.exitCode = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => resolve(code ?? signal ?? "SIGKILL"));
    });
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
