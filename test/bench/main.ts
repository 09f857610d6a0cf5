import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import globalSetup from "../support/servers/global-setup.ts";
import type { Bench, BenchOptions } from "./bench-options.ts";
import { describeMachine } from "./describe-machine.ts";
import type { Figure, Metric } from "./figure.ts";
import { measureWrites } from "./p1-writes.ts";
import { measureAddedLatency } from "./p2-added-latency.ts";
import { measureSyncLag } from "./p3-sync-lag.ts";
import { measureDrain } from "./p4-drain.ts";
import { measureDurableLatency } from "./p5-durable-latency.ts";
import { measureVerification } from "./p6-verification.ts";
import { measureRecovery } from "./p7-recovery.ts";
import { measureRedisBytes } from "./p8-redis-bytes.ts";
import { measureHotKey } from "./p9-hot-key.ts";
import { measureStart } from "./p11-start.ts";
import { measureMemory } from "./p12-memory.ts";
import { measureGrowth } from "./p13-growth.ts";
import { measurePeers, type PeerFigure } from "./peers/measure-peers.ts";
import { peerTableOf } from "./peers/peer-table.ts";
import { tableOf } from "./table.ts";

const BENCHES: Readonly<Record<Metric, Bench>> = {
  P1: measureWrites,
  P2: measureAddedLatency,
  P3: measureSyncLag,
  P4: measureDrain,
  P5: measureDurableLatency,
  P6: measureVerification,
  P7: measureRecovery,
  P8: measureRedisBytes,
  P9: measureHotKey,
  P11: measureStart,
  P12: measureMemory,
  P13: measureGrowth,
};

/** One that came to no figure. */
interface Failure {
  readonly name: string;
  readonly error: string;
}

const PEERS_NAME = "PEERS";
const NAMES = [...Object.keys(BENCHES), PEERS_NAME];

const USAGE = `npm run bench -- [${NAMES.slice(0, 3).join("] [")}] … [--rounds 5] [--json FILE] [--small]

Measures ${NAMES.join(", ")}, or those that are named, against ceilings of the same run, on servers of its own.
--small shows in a minute or two that everything works; its figures mean nothing.`;

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    json: { type: "string" },
    small: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (given.help) {
  console.log(USAGE);
} else {
  await run();
}

async function run(): Promise<void> {
  const names = chosenNames();
  // It tells on stderr which servers it has found.
  await globalSetup();
  const options: BenchOptions = {
    small: given.small,
    rounds: given.small ? 1 : Number(given.rounds),
    warmUp: !given.small,
    say: (text) => console.error(text),
  };
  const figures: Figure[] = [];
  const peers: PeerFigure[] = [];
  const failures: Failure[] = [];
  for (const name of names) {
    // What one of them meets should not lose what the others have measured.
    try {
      if (name === PEERS_NAME) peers.push(...(await measurePeers(options)));
      else figures.push(...(await BENCHES[name as Metric](options)));
    } catch (error) {
      failures.push({ name, error: String(error) });
      console.error(`${name} failed:`, error);
    }
  }
  const machine = describeMachine();
  if (given.json !== undefined) {
    const result = { command: commandLine(), machine, figures, peers, failures };
    await writeFile(given.json, `${JSON.stringify(result, undefined, 2)}\n`);
  }
  if (given.small)
    console.log("A small run: only that it ends means anything, the figures do not.\n");
  if (figures.length > 0) console.log(`${tableOf(figures)}\n`);
  if (peers.length > 0) console.log(`${peerTableOf(peers)}\n`);
  for (const { name, error } of failures) console.log(`${name} failed: ${error}`);
  if (failures.length > 0) process.exitCode = 1;
  const { system, cores, node, redis, mongodb } = machine;
  console.log(`${cores} cores, ${system}, Node ${node}, Redis ${redis}, MongoDB ${mongodb}`);
}

function chosenNames(): readonly string[] {
  if (positionals.length === 0) return NAMES;
  return positionals.map((given) => {
    const name = given.toUpperCase();
    if (!NAMES.includes(name)) throw new Error(`There is no benchmark ${given}.\n\n${USAGE}`);
    return name;
  });
}

function commandLine(): string {
  return ["npm run bench --", ...process.argv.slice(2)].join(" ");
}
