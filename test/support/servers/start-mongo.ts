import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MongoMemoryReplSet, MongoMemoryServer } from "mongodb-memory-server";
import { requireServer } from "./found-servers.ts";
import { GuardedFolder } from "./guarded-folder.ts";
import { MongoServers } from "./mongo-servers.ts";

export interface StartMongoOptions {
  /** Members of the replica set; 0 (the default) is a standalone server. */
  readonly replicaSet?: 0 | 1 | 3;
  /** Added to the command line of each member. */
  readonly args?: readonly string[];
}

/** Replica sets are elected anew in tests of failover; the default of 10 s would only be waited out. */
const electionTimeoutMillis = 1_000;
const heartbeatIntervalMillis = 300;

/** The default of ten seconds is not enough for three members on a machine that has other things to do. */
const launchTimeout = 60_000;

/** Starts mongod on free ports with folders of its own, and waits until it takes writes. */
export async function startMongo({
  replicaSet = 0,
  args = [],
}: StartMongoOptions = {}): Promise<MongoServers> {
  const { binary: systemBinary, version } = requireServer("mongodb");
  const binary = { systemBinary, version };
  const folder = await GuardedFolder.create("mongo");
  const instanceOpts = await Promise.all(
    Array.from({ length: Math.max(1, replicaSet) }, (_, index) => member(folder, index, args)),
  );
  const launched =
    replicaSet === 0
      ? new MongoMemoryServer({ binary, instance: instanceOpts[0]! })
      : new MongoMemoryReplSet({
          binary,
          instanceOpts,
          replSet: {
            count: replicaSet,
            name: "lockstep",
            configSettings: { electionTimeoutMillis, heartbeatIntervalMillis },
          },
        });
  try {
    await launched.start();
    const members = launched instanceof MongoMemoryServer ? [launched] : launched.servers;
    return await MongoServers.take(members, replicaSet === 0 ? undefined : "lockstep", folder);
  } catch (error) {
    await launched.stop({ doCleanup: false });
    await folder.remove();
    throw error;
  }
}

/** The engine that production runs, though not with its share of the machine's memory. */
async function member(folder: GuardedFolder, index: number, args: readonly string[]) {
  const dbPath = join(folder.path, `member-${index}`);
  await mkdir(dbPath);
  return {
    dbPath,
    launchTimeout,
    storageEngine: "wiredTiger" as const,
    args: [
      "--wiredTigerCacheSizeGB",
      "0.25",
      "--setParameter",
      "diagnosticDataCollectionEnabled=0",
      ...args,
    ],
  };
}
