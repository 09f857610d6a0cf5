import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { findMongod } from "../support/servers/find-mongod.ts";
import { findRedis } from "../support/servers/find-redis.ts";

const changedVariables = ["MONGOMS_SYSTEM_BINARY", "PATH"];

let folder: string;
let before: (string | undefined)[];

beforeEach(async () => {
  before = changedVariables.map((name) => process.env[name]);
  folder = await mkdtemp(join(tmpdir(), "lockstep-find-"));
});

afterEach(async () => {
  changedVariables.forEach((name, index) => {
    const value = before[index];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  });
  await rm(folder, { recursive: true });
});

async function program(name: string, script: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

describe("findMongod", () => {
  it("takes the binary named by MONGOMS_SYSTEM_BINARY before any other", async () => {
    const named = await program("named", "echo 'db version v7.0.1'");
    await program("mongod", "echo 'db version v6.0.0'");
    process.env["MONGOMS_SYSTEM_BINARY"] = named;
    process.env["PATH"] = folder;

    const found = await findMongod();

    expect(found).toEqual({ binary: named, version: "7.0.1", from: "MONGOMS_SYSTEM_BINARY" });
  });

  it("takes the mongod of the PATH next", async () => {
    const own = await program("mongod", "echo 'db version v6.0.0'");
    delete process.env["MONGOMS_SYSTEM_BINARY"];
    process.env["PATH"] = folder;

    expect(await findMongod()).toEqual({ binary: own, version: "6.0.0", from: "on the PATH" });
  });

  it("says which library is missing, and how to get it", async () => {
    const complaint = "mongod: error while loading shared libraries: libcurl.so.4: no such file";
    process.env["MONGOMS_SYSTEM_BINARY"] = await program(
      "mongod",
      `echo '${complaint}' >&2; exit 127`,
    );

    expect(await findMongod()).toMatchObject({
      missing: expect.stringContaining("libcurl.so.4"),
      remedy: expect.stringContaining("Install libcurl4"),
    });
  });
});

describe("findRedis", () => {
  it("takes a Valkey of the PATH for Redis", async () => {
    const valkey = await program("valkey-server", "echo 'Valkey server v=8.0.1 sha=0'");
    process.env["PATH"] = folder;

    const { redis } = await findRedis();

    expect(redis).toEqual({ binary: valkey, version: "8.0.1", from: "on the PATH" });
  });

  it("asks for no other 6.2 where the PATH has one", async () => {
    const old = await program("redis-server", "echo 'Redis server v=6.2.7 sha=0'");
    process.env["PATH"] = folder;

    const found = await findRedis();

    expect(found.redis).toEqual({ binary: old, version: "6.2.7", from: "on the PATH" });
    expect(found["redis-6.2"]).toEqual(found.redis);
  });
});
