/**
 * One key, in Redis, in the store, and in the hands of everyone who works on it, as plain data.
 *
 * A world is copied for each step ({@link copyOf}), and the step changes the copy. Only the containers that are copied
 * there may be changed; whatever lies deeper is shared between worlds and is replaced, never changed.
 */
export interface World {
  /** 0 at first, 1 when data TTLs have run out, 2 when the grace time of dead rows has. */
  now: number;
  /** One Redis, or two after a failover that left the first behind. */
  servers: Redis[];
  /** The server that counts; another one in the list was left behind. */
  primary: number;
  /** Which server each process talks to. */
  links: number[];
  /** What the primary has on its disk, or its replica in its memory. */
  saved: Redis | null;
  store: Store;
  /** Store first: what each process keeps of the key. */
  copies: (Copy | null)[];
  /** Statements whose sender has stopped waiting for them. */
  flights: Flight[];
  /** What each role is doing; the order is that of the model's roles. */
  locals: Local[];
  /** How often each mishap may still happen; those that are not named, never. */
  left: Readonly<Partial<Record<Mishap, number>>>;
  past: Past;
}

/** Epoch and sequence in one number, so that it orders as the real versions do; 0 = never written. */
export type Version = number;

const SEQS = 1000;

export const versionNo = (epoch: number, seq: number): Version => epoch * SEQS + seq;
export const epochOf = (version: Version): number => (version - (version % SEQS)) / SEQS;
export const seqOf = (version: Version): number => version % SEQS;

/** One version of the key. `text` null marks a tombstone. Every write of a model has a text of its own. */
export interface Entry {
  readonly version: Version;
  readonly text: string | null;
  /** Has a data TTL, which runs out when the clock shows 1. */
  readonly expires: boolean;
  /** The idempotency keys that are remembered with it, newest last, each `key=version`; absent where that is not known. */
  readonly keys?: readonly string[];
  /** Where rows are purged: the tick from which this one may go, once it is dead. */
  readonly purgeAt?: number;
}

export interface Redis {
  /** Run id and replication id in one number; no two lives of a server share one. */
  run: number;
  state: { readonly run: number; readonly epoch: number; readonly seq: number } | null;
  value: { readonly text: string; readonly expires: boolean; readonly clean: boolean } | null;
  /** What is remembered of the last write; `text` stands for its hash. `clean`: carries a TTL, so it may be evicted. */
  meta: (Entry & { readonly clean: boolean }) | null;
  /** The pending marker: seq of the oldest write that the shadow does not have. */
  marker: number | null;
  /** The token of the fill lease. */
  lease: string | null;
}

export interface Store {
  row: Entry | null;
  /** Unprocessed events, oldest first. */
  events: readonly Event[];
  epoch: number;
  /** Store first, the last sequence given. */
  lastSeq: number;
  /** The highest version that a purge has recorded. */
  purged: Version;
  /** Where purges happen, events that were processed within the grace time. */
  processed: readonly Event[];
}

export interface Event {
  readonly id: string;
  readonly entry: Entry;
  /** The tick at which it was processed. */
  readonly processedAt?: number;
}

export interface Copy {
  readonly entry: Entry;
  /** Whether no other process has committed anything since it was made: what PRAGMA data_version tells. */
  readonly fresh: boolean;
}

export type Flight =
  /** A write to the shadow or an append to the outbox that timed out. `born` is when it was sent. */
  | {
      readonly what: "upsert" | "append";
      readonly entry: Entry;
      readonly by: number;
      readonly born: number;
    }
  /**
   * It has landed, and the process that sent it still owes the cache a word: a cache whose epoch is at least what the
   * store's was when it landed.
   */
  | {
      readonly what: "owed";
      readonly version: Version;
      readonly by: number;
      readonly epoch: number;
    };

/** Where a role stands (`at`), and what it holds in its hands. */
export interface Local {
  readonly at: string;
}

export type Mishap =
  | "timeout"
  | "unanswered"
  | "crash"
  | "evict"
  | "evict_state"
  | "save"
  | "rollback"
  | "flush"
  | "failover"
  | "duplicate"
  | "tick"
  | "foreign"
  | "repair"
  | "recovery";

/** What a watcher who sees everything remembers, to judge by. No role may look at it. */
export interface Past {
  /** Every write that was decided, in the order of decision. */
  minted: readonly Entry[];
  /** The newest version of which a caller was told that the shadow or the outbox has it. */
  durable: Version;
  /** The newest version of which a caller was told that the journal has it; 0 once a rollback has taken it. */
  journal: Version;
  /** The versions with an idempotency key of which a caller was told. */
  toldKeyed: readonly Version[];
  /** The newest version that a finished read has shown, where such reads may not go back. */
  shown: Version;
  /** The highest version that the shadow ever had. */
  shadowMax: Version;
  /** The highest version of a row that was removed from the store. */
  forgotten: Version;
  /** Something happened after which the two sides may differ until someone verifies and repairs. */
  drift: boolean;
  /** How often another program has changed the value. */
  foreign: number;
  /** The store's epoch when Redis last lost state. What the journal had of that epoch may be gone. */
  doubtful: number;
  /** What went wrong in the last step. */
  wrong: string | null;
}

export function copyOf(world: World): World {
  const { now, primary, saved, left, store, past } = world;
  return {
    now,
    servers: world.servers.map(copyOfRedis),
    primary,
    links: world.links.slice(),
    saved,
    store: { ...store },
    copies: world.copies.slice(),
    flights: world.flights.slice(),
    locals: world.locals.slice(),
    left,
    past: { ...past },
  };
}

function copyOfRedis({ run, state, value, meta, marker, lease }: Redis): Redis {
  return { run, state, value, meta, marker, lease };
}

export function isDead(entry: Entry, now: number): boolean {
  return entry.text === null || (entry.expires && now >= 1);
}

export function newestOf(entries: readonly (Entry | null)[]): Entry | null {
  return entries.reduce(
    (newest, entry) => (entry !== null && entry.version > (newest?.version ?? 0) ? entry : newest),
    null,
  );
}

/** The server that a process talks to. */
export function serverOf(world: World, process: number): Redis {
  return world.servers[world.links[process] as number] as Redis;
}

export function primaryOf(world: World): Redis {
  return world.servers[world.primary] as Redis;
}
