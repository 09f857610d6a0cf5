import type { PartKind } from "./parts.ts";

const MINT = ["cache.write"];
const LOOK = ["cache.observe", "cache.contents"];
const EVENTS = ["outbox.unprocessedOf"];
const UPSERT = ["store.applyNewer"];
const APPEND = ["outbox.append"];
const EPOCH = ["bucketStates.read"];

/** A cache that is told what the store has. */
export const TELL = ["cache.acknowledge", "cache.settle"];

const PORT_CALLS: Readonly<Record<string, readonly string[]>> = {
  mint: MINT,
  "judge, mint": MINT,
  "judge, mint as seen": [...MINT, ...TELL],
  follow_cache: MINT,
  follow_store: MINT,
  remove: MINT,
  observe: LOOK,
  "look at the cache": LOOK,
  "look at the cache again": LOOK,
  "look at the events": EVENTS,
  "look at the events again": EVENTS,
  "look at the row": ["store.get"],
  "take the lease": ["cache.takeLease"],
  upsert: UPSERT,
  sync_now: UPSERT,
  project: UPSERT,
  append: APPEND,
  "append twice": APPEND,
  acknowledge: TELL,
  "acknowledge, answer": TELL,
  "settle, answer": TELL,
  "withdraw, fail": ["cache.withdraw"],
  "fill, answer": ["cache.fill", "cache.stamp"],
  stamp: ["cache.stamp"],
  warm: ["cache.fill"],
  claim: ["outbox.claim"],
  "mark processed": ["outbox.markProcessed"],
  drop_copy: ["cache.drop"],
  drop_marker: ["cache.drop"],
  "check epoch": EPOCH,
  "check epoch, answer": EPOCH,
  "find the state": ["buckets.states"],
  "a: raise the epoch": ["bucketStates.raiseEpoch"],
  "b: look at the events": ["outbox.unprocessedIn"],
  "b: project": UPSERT,
  "c: look at the row": ["bucketStates.rowsAbove"],
  "c: look at the purge record": EPOCH,
  "c: drop what is older": ["buckets.dropOlder", "buckets.setAside"],
  "d: install": ["buckets.install"],
  "e: confirm": EPOCH,
  "look at the markers": ["cache.oldestPendingSeqs"],
  // SQLite chooses, records and deletes in one transaction.
  "delete the row": ["purge.purge"],
};

/** Steps of the same name that are other calls in another part. */
const PORT_CALLS_IN: Readonly<
  Partial<Record<PartKind, Readonly<Record<string, readonly string[]>>>>
> = {
  purge: { "look at the events": ["purge.oldestEvents"] },
  // The state has been found again before the store's epoch was read.
  recovery: { "find the state again": [] },
};

interface Delay {
  readonly methods: readonly string[];
  /** How long the caller waits. */
  readonly ms: number;
}

const DELAYS: Readonly<Record<string, Delay>> = {
  "upsert times out": { methods: UPSERT, ms: 2000 },
  "append times out": { methods: APPEND, ms: 2000 },
  "acknowledgement goes unanswered": { methods: TELL, ms: 250 },
  "settling goes unanswered": { methods: TELL, ms: 4250 },
};

/** Calls that the models leave out, because they decide nothing or go together with the next. */
const UNMODELLED: Readonly<Record<PartKind, readonly string[]>> = {
  // What a delete finds, for its answer; and the look that goes with the lease.
  call: ["store.get", "cache.observe", "outbox.unprocessedOf", ...EPOCH],
  read: ["cache.provesRemoval", "outbox.unprocessedOf"],
  sweep: ["cache.pendingOlderThan", ...EPOCH],
  projector: ["cache.settle", ...EPOCH],
  recovery: [
    "buckets.states",
    ...EPOCH,
    "cache.scan",
    "store.getMany",
    "cache.observe",
    "outbox.unprocessedOf",
  ],
  verifier: ["cache.provesRemoval"],
  purge: [],
  repair: ["cache.provesRemoval", ...EPOCH],
};

/** The calls of ports any of which a step of a trace is in the production code; undefined for a step that is none. */
export function portCallsOf(kind: PartKind, step: string): readonly string[] | undefined {
  return PORT_CALLS_IN[kind]?.[step] ?? PORT_CALLS[step];
}

/** For a step in which an answer does not come in time. */
export function delayOf(step: string): Delay | undefined {
  return DELAYS[step];
}

/** What may come before the calls of this step. */
export function unmodelledOf(kind: PartKind, step: string): readonly string[] {
  // The model looks at one key, so it looks at all versions at once.
  return step === "d: install" ? [...UNMODELLED[kind], "bucketStates.rowsAbove"] : UNMODELLED[kind];
}
