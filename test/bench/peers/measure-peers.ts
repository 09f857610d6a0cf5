import { startMongo } from "../../support/servers/start-mongo.ts";
import { startRedis } from "../../support/servers/start-redis.ts";
import type { BenchOptions } from "../bench-options.ts";
import { mixOf } from "../mix.ts";
import { inFlight } from "../payload.ts";
import { alternate, perSecond, type Spread } from "../rounds.ts";
import { runFaultScript } from "./fault-script.ts";
import type { Outcome } from "./judge.ts";
import { PEERS, type PeerName } from "./kinds.ts";
import type { PeerKind, Place } from "./peer.ts";

const WRITES = 3_000;
const WRITES_SMALL = 50;
const IN_FLIGHT = 100;

/** Speed and what becomes of the writes under faults, of one way to keep a cache and a store. */
export interface PeerFigure {
  readonly peer: PeerName;
  readonly what: string;
  /** Writes per second, until the last one is in the store. */
  readonly speed: Spread;
  readonly faults: Outcome;
}

/**
 * All peers do the same: writes of the usual mix's keys and values, 100 at once, into Redis and MongoDB, majority and
 * journaled, until both have them; they take turns round by round. Afterwards each goes through the fault script.
 */
export async function measurePeers(options: BenchOptions): Promise<readonly PeerFigure[]> {
  const names = Object.keys(PEERS) as PeerName[];
  const speeds = await speedsOf(names, options);
  const figures: PeerFigure[] = [];
  for (const peer of names) {
    options.say(`PEERS fault script: ${PEERS[peer].name}`);
    const faults = await runFaultScript({
      peer,
      seed: 21,
      keys: options.small ? 1_000 : 20_000,
      perSecond: options.small ? 400 : 4_000,
      phaseMs: options.small ? 400 : 1_500,
      objectiveMs: options.small ? 500 : 10_000,
    });
    figures.push({ peer, what: PEERS[peer].name, speed: speeds[peer], faults });
  }
  return figures;
}

async function speedsOf(
  names: readonly PeerName[],
  options: BenchOptions,
): Promise<Readonly<Record<PeerName, Spread>>> {
  options.say("PEERS speed");
  const redis = await startRedis({ args: ["--databases", "1000"] });
  const mongo = await startMongo();
  let places = 0;
  const place = (): Place => {
    places += 1;
    return { redisUrl: `${redis.url}/${places}`, mongoUri: mongo.uriOf(`peer-${places}`) };
  };
  try {
    const contenders = names.map(
      (name) => [name, () => speedOf(PEERS[name], place(), options)] as const,
    );
    return await alternate(options, Object.fromEntries(contenders) as Record<PeerName, never>);
  } finally {
    await mongo.close();
    await redis.close();
  }
}

async function speedOf(kind: PeerKind, place: Place, options: BenchOptions): Promise<number> {
  const usual = options.small ? WRITES_SMALL : WRITES;
  const writes = mixOf(Math.min(usual, kind.roundWrites ?? usual), { seed: 20, writeShare: 1 });
  const peer = await kind.open(place);
  try {
    // Connections and scripts are there before the clock starts.
    await peer.set("bench:first", "x");
    await peer.drained();
    return await perSecond(writes.length, async () => {
      await inFlight(writes, IN_FLIGHT, ({ key, value }) => peer.set(key, value));
      await peer.drained();
    });
  } finally {
    await peer.close();
  }
}
