// A process that writes through one of the peers, at a fixed rate, until it is told to stop or is killed. What it tried
// and what it was told goes line by line into a file, so that a kill forgets nothing.

import { openSync, writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { SeededRandom } from "../../support/seeded-random.ts";
import { keyOf } from "../payload.ts";
import { Zipf } from "../zipf.ts";
import { PEERS, type PeerName } from "./kinds.ts";
import type { Peer } from "./peer.ts";
import type { WriterOptions } from "./writer.ts";

/** Of 100 operations: as in the usual mix, and of the writes one in ten deletes. */
const SETS = 27;
const DELETES = 3;
const VALUE_BYTES = 200;

/** A peer that has stopped answering is not asked for ever more at the same time. */
const UNDER_WAY_MAX = 2_000;

const options = JSON.parse(process.argv[2] ?? "") as WriterOptions;
const log = openSync(options.logFile, "a");
const random = new SeededRandom(options.seed);
const zipf = new Zipf(random, options.keys);
const peer = await PEERS[options.peer as PeerName].open(options.place);
let stopped = false;
let underWay = 0;
let writes = 0;

process.stdin.once("data", () => {
  stopped = true;
});
// Its workers go on until the process that has started it lets go of it.
process.stdin.once("end", () => process.exit(0));
process.stdout.write("ready\n");
await load(peer);
process.stdout.write("stopped\n");

async function load(through: Peer): Promise<void> {
  const startMs = performance.now();
  for (let begun = 0; !stopped; ) {
    const due = ((performance.now() - startMs) * options.perSecond) / 1000;
    for (; begun < due; begun += 1) {
      if (underWay >= UNDER_WAY_MAX) continue;
      underWay += 1;
      void operate(through).finally(() => {
        underWay -= 1;
      });
    }
    await setTimeout(1);
  }
}

async function operate(through: Peer): Promise<void> {
  const dice = random.integer(100);
  const key = keyOf(zipf.draw());
  if (dice >= SETS + DELETES) {
    await through.get(key).catch(() => undefined);
    return;
  }
  writes += 1;
  const id = `${options.name}-${writes}`;
  const op = dice < SETS ? "set" : "delete";
  note({ id, op, key, beganMs: nowMs() });
  try {
    if (op === "set") await through.set(key, `${id}:`.padEnd(VALUE_BYTES, "."));
    else await through.delete(key);
    note({ id, endedMs: nowMs() });
  } catch {
    // Whether it took place is open, so nothing more is known of it.
  }
}

function note(line: object): void {
  writeSync(log, `${JSON.stringify(line)}\n`);
}

/** The system's monotonic clock, which is the same for all processes. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
