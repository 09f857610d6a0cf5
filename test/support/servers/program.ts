import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { FoundServer } from "./found-servers.ts";

const run = promisify(execFile);

/** The first of `names` that the PATH has, as a full path. */
export async function findOnPath(names: readonly string[]): Promise<string | undefined> {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const name of names) {
    for (const folder of folders) {
      const path = join(folder, name);
      if (await isExecutable(path)) return path;
    }
  }
  return undefined;
}

/**
 * Runs a server with `--version`. A server that is there but lacks a shared library or another
 * machine's code fails here, with its own words, and not in the middle of a suite.
 */
export async function tryServer(binary: string, from: string): Promise<FoundServer> {
  const { stdout } = await run(binary, ["--version"], { timeout: 10_000 }).catch(
    (error: unknown) => {
      throw new Error(`${binary} does not run: ${explain(error)}`, { cause: error });
    },
  );
  const version = /\bv=?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${binary} --version does not tell a version.`);
  return { binary, version, from };
}

/** The last line a failed program wrote, which usually is the one that says why. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "ENOENT") return "there is no such program.";
  const stderr = "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : "";
  const last = stderr.split("\n").at(-1) ?? "";
  return last === "" ? (error.message.split("\n")[0] ?? error.name) : last;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
