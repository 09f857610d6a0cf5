import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { MongoServers } from "../../support/servers/mongo-servers.ts";
import { startMongo } from "../../support/servers/start-mongo.ts";
import { type RedisServer, startRedis } from "../../support/servers/start-redis.ts";
import { inTemporaryFolder } from "../in-temporary-folder.ts";
import { keyOf } from "../payload.ts";
import { judge, type Outcome } from "./judge.ts";
import { PEERS, type PeerName } from "./kinds.ts";
import type { Copies, PeerKind, Place } from "./peer.ts";
import { Writer } from "./writer.ts";

export interface FaultOptions {
  readonly peer: PeerName;
  readonly seed: number;
  readonly keys: number;
  readonly perSecond: number;
  /** How long each phase takes, milliseconds. */
  readonly phaseMs: number;
  /** How long after the last fault the copies may still differ, milliseconds. */
  readonly objectiveMs: number;
}

/** What everysec promises: after a power cut, at most the last second is missing. */
const UNSYNCED_MS = 1_000;

/**
 * Two processes write through the peer, and between pauses: the store is killed and started again; Redis, with an append-only
 * file written every second, is killed and started again; one of the writers is killed; Redis is killed once more, and
 * this time the last second of its file is cut off, as a machine that fails would leave it. Then the load ends, the other
 * process stays with its workers, and the copies have the objective's time to become equal.
 */
export async function runFaultScript(options: FaultOptions): Promise<Outcome> {
  const redis = await startRedis({
    args: [
      "--appendonly",
      "yes",
      "--appendfsync",
      "everysec",
      "--auto-aof-rewrite-percentage",
      "0",
    ],
  });
  const mongo = await startMongo();
  const file = new AppendOnlyFile(redis);
  try {
    return await inTemporaryFolder(async (folder) => {
      const place = { redisUrl: redis.url, mongoUri: mongo.uriOf("faults") };
      const { peer, seed, keys, perSecond } = options;
      const start = (name: string, ownSeed: number) =>
        Writer.start({
          name,
          peer,
          place,
          seed: ownSeed,
          keys,
          perSecond: perSecond / 2,
          logFile: join(folder, `${name}.log`),
        });
      const writers = [await start("a", seed), await start("b", seed + 1)] as const;
      try {
        await faults(options, { redis, mongo, file, killed: writers[0] });
        writers[1].stopLoad();
        return await outcomeOf(options, place, writers);
      } finally {
        for (const writer of writers) await writer.kill();
      }
    });
  } finally {
    file.close();
    await mongo.close();
    await redis.close();
  }
}

async function faults(
  { phaseMs }: FaultOptions,
  parts: {
    readonly redis: RedisServer;
    readonly mongo: MongoServers;
    readonly file: AppendOnlyFile;
    readonly killed: Writer;
  },
): Promise<void> {
  const { redis, mongo, file, killed } = parts;
  await setTimeout(phaseMs);
  await mongo.kill();
  await setTimeout(phaseMs / 2);
  await mongo.start();
  await setTimeout(phaseMs);
  await redis.kill();
  await setTimeout(phaseMs / 4);
  await redis.restart();
  await setTimeout(phaseMs);
  await killed.kill();
  await setTimeout(phaseMs);
  await redis.kill();
  await file.cut();
  await redis.restart();
  await setTimeout(phaseMs);
}

/** Looks until nothing differs, at most for the objective's time; some of what differs then may never become equal. */
async function outcomeOf(
  { peer, keys, objectiveMs }: FaultOptions,
  place: Place,
  writers: readonly Writer[],
): Promise<Outcome> {
  const allKeys = Array.from({ length: keys }, (_, index) => keyOf(index));
  const deadlineMs = performance.now() + objectiveMs;
  for (;;) {
    const isLast = performance.now() >= deadlineMs;
    // First the writers: what they tell after the look would otherwise seem to be missing from it.
    const writes = (await Promise.all(writers.map((writer) => writer.writes()))).flat();
    const copies = await look(PEERS[peer], place, allKeys);
    const outcome = judge(writes, copies);
    if (isLast || outcome.lost + outcome.stale + outcome.resurrected === 0) return outcome;
    await setTimeout(Math.min(1_000, Math.max(0, deadlineMs - performance.now())));
  }
}

/** The copies, with each value replaced by the id of the write that it came from. */
async function look(
  kind: PeerKind,
  place: Place,
  keys: readonly string[],
): Promise<readonly Copies[]> {
  const idOf = (value: string | undefined) => value?.split(":", 1)[0];
  return (await kind.look(place, keys)).map(({ key, cached, stored }) => ({
    key,
    cached: idOf(cached),
    stored: idOf(stored),
  }));
}

/** Remembers how long the append-only file has been, to be able to take its last second away. */
class AppendOnlyFile {
  readonly #redis: RedisServer;
  readonly #timer: NodeJS.Timeout;
  readonly #seen: { readonly atMs: number; readonly path: string; readonly bytes: number }[] = [];

  constructor(redis: RedisServer) {
    this.#redis = redis;
    this.#timer = setInterval(() => void this.#note().catch(() => undefined), 50);
  }

  /** Of a server that does not run. */
  async cut(): Promise<void> {
    const before = performance.now() - UNSYNCED_MS;
    const last = this.#seen.findLast(({ atMs }) => atMs <= before);
    if (last === undefined) throw new Error("The append-only file has not been there for long.");
    await truncate(last.path, last.bytes);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #note(): Promise<void> {
    const folder = join(this.#redis.dir, "appendonlydir");
    const name = (await readdir(folder)).find((one) => one.endsWith(".incr.aof"));
    if (name === undefined) return;
    const path = join(folder, name);
    const { size } = await stat(path);
    this.#seen.push({ atMs: performance.now(), path, bytes: size });
  }
}
