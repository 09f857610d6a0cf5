import type { CopyGuard } from "../../../src/cache/cache-authority-port.ts";
import type { CacheObservation } from "../../../src/cache/cache-port.ts";
import type { ReadAnswer } from "../../../src/kv/read-path.ts";
import type { WriteReceipt } from "../../../src/kv/write-path.ts";
import { bucketOf } from "../../../src/model/bucket.ts";
import { type Entry, isDead } from "../../../src/model/entry.ts";
import { epochOf, type Version } from "../../../src/model/version.ts";
import { isIssue } from "../../../src/verify/classify.ts";
import type { ReplayProcess } from "./process.ts";
import type { ReplayServers } from "./servers.ts";

/** Below every version. */
const NOTHING: Version = "";

/** What a read has promised when it began; less after a loss. */
interface Floor {
  version: Version;
}

/** Holds the real servers against what callers were told, as the explorer's watcher does with its world. */
export class Watcher {
  readonly #servers: ReplayServers;
  readonly #world: ReplayProcess;
  readonly #key: string;
  readonly #mayPurge: boolean;
  readonly problems: string[] = [];
  readonly #floors: Floor[] = [];
  /** The version of each text that was ever held. */
  readonly #texts = new Map<string, Version>();
  /** Told to be in the store, and told to be in the journal. */
  #durable: Version = NOTHING;
  #journal: Version = NOTHING;
  /** Writes of this epoch and earlier ones may have been lost with their journal. */
  #doubtful = 0;
  #row: Entry | undefined;
  #rowMax: Version = NOTHING;
  /** The highest that was rightly purged. */
  #forgotten: Version = NOTHING;
  /** Another program has changed the value, so neither order nor agreement can be promised until a repair. */
  hasForeign = false;

  constructor(
    servers: ReplayServers,
    world: ReplayProcess,
    { key, mayPurge }: { readonly key: string; readonly mayPurge: boolean },
  ) {
    this.#servers = servers;
    this.#world = world;
    this.#key = key;
    this.#mayPurge = mayPurge;
  }

  complain(what: string): void {
    if (!this.problems.includes(what)) this.problems.push(what);
  }

  async hasTold({ version, durable }: Pick<WriteReceipt, "version" | "durable">): Promise<void> {
    if (durable !== "journal") {
      this.#durable = newerOf(this.#durable, version);
      return;
    }
    // A journal that was lost before the caller heard of it is as lost as one that is lost afterwards.
    const mayBeLost = epochOf(version) <= this.#doubtful;
    if (mayBeLost && journalOf((await this.copies()).cached) !== version) return;
    this.#journal = newerOf(this.#journal, version);
  }

  /** A read begins. */
  promise(): Floor {
    const floor = { version: this.#told };
    this.#floors.push(floor);
    return floor;
  }

  hasAnswered(answer: ReadAnswer, floor: Floor): void {
    if (this.hasForeign || (answer.found && answer.version === null)) return;
    if ((answer.version ?? this.#forgotten) < floor.version)
      this.complain("a read shows an older version than was told before");
  }

  hasClassified(copyClass: Parameters<typeof isIssue>[0]): void {
    if (isIssue(copyClass) && !this.hasForeign) this.complain(`false alarm: ${copyClass}`);
  }

  /** A write is newer than all that was told, and one that was meant for the key as it had been seen has covered nothing else. */
  async hasWritten([, guard]: readonly unknown[], before: CacheObservation): Promise<void> {
    const { cached } = await this.copies();
    const version = cached.meta?.version;
    if (version === undefined || version === before.meta?.version) return;
    if (version <= this.#told && !this.hasForeign)
      this.complain("a write was given an older version than was told before");
    const seen = (guard as CopyGuard | undefined)?.seen;
    if (seen !== undefined && seen.meta?.version !== before.meta?.version)
      this.complain("a write has covered what it had not seen");
  }

  /** Redis has gone back: what only its journal had may be lost, which is the one loss that is allowed. */
  async hasRolledBack(): Promise<void> {
    const { cached, newest } = await this.copies();
    const [state] = await this.#world.past.bucketStates.read([bucketOf(this.#key)]);
    this.#doubtful = state?.epoch ?? 0;
    const held = newerOf(newest?.version ?? NOTHING, journalOf(cached));
    if (held < this.#journal) this.#journal = NOTHING;
    for (const floor of this.#floors) if (floor.version > this.#told) floor.version = this.#told;
  }

  /** What must hold at every moment. */
  async look(): Promise<void> {
    const { cached, row, newest } = await this.copies();
    this.#remember(cached, row);
    this.#lookAtRow(row);
    const stored = newerOf(newest?.version ?? NOTHING, this.#forgotten);
    if (this.hasForeign) return;
    if (stored < this.#durable) this.complain("a version that was told is not in the store");
    if (newerOf(stored, journalOf(cached)) < this.#journal)
      this.complain("a version that was told is in no durable place");
    if (!this.#servers.isLost && this.#glance(cached, row, newest) < this.#told)
      this.complain("a read shows an older version than was told before");
  }

  /** What must hold once nothing is left to do. */
  async lookAtRest(): Promise<void> {
    await this.look();
    const { cached, row, events } = await this.copies();
    if (events.length > 0) this.complain("an event is never applied");
    if (cached.markerSeq !== undefined) this.complain("a marker is never cleared");
    if (this.#servers.isLost) this.complain("nobody recovers");
    const [state] = await this.#world.past.bucketStates.read([bucketOf(this.#key)]);
    if (this.#servers.epoch < (state?.epoch ?? 0))
      this.complain("recovery has ended below the store's epoch");
    if (this.hasForeign) return;
    const { meta, value } = cached;
    if (meta !== undefined && meta.version !== row?.version && !this.#isForgotten(meta.version)) {
      this.complain("the cache stays at one version and the shadow at another");
    }
    if (value !== undefined && value.text !== row?.value) {
      this.complain("the cache keeps a value that the shadow does not have");
    }
  }

  async copies() {
    const { cache, store, outbox } = this.#world.past;
    const [cached] = (await cache.observe([this.#key], { whenLost: "read" })) as [CacheObservation];
    const events = (await outbox.unprocessedOf([this.#key])).get(this.#key) ?? [];
    const row: Entry | undefined = await store.get(this.#key);
    const newest = [row, ...events.map(({ entry }) => entry)].reduce((known, entry) =>
      (entry?.version ?? NOTHING) > (known?.version ?? NOTHING) ? entry : known,
    );
    return { cached, row, events, newest };
  }

  get #told(): Version {
    return newerOf(this.#durable, this.#journal);
  }

  #remember({ meta, value }: CacheObservation, row: Entry | undefined): void {
    if (meta !== undefined && value !== undefined && !this.hasForeign)
      this.#texts.set(value.text, meta.version);
    if (row !== undefined && row.value !== null) this.#texts.set(row.value, row.version);
  }

  #lookAtRow(row: Entry | undefined): void {
    if (row === undefined && this.#row !== undefined && this.#mayPurge) {
      if (!isDead(this.#row, this.#servers.storeNowMs))
        this.complain("a purge has removed a live row");
      this.#forgotten = newerOf(this.#forgotten, this.#row.version);
    }
    const version = row?.version ?? this.#forgotten;
    if (version < this.#rowMax) this.complain("the shadow went back");
    this.#rowMax = newerOf(this.#rowMax, version);
    this.#row = row;
  }

  /** The end of the key, which the store was allowed to forget. */
  #isForgotten(version: Version): boolean {
    return this.#row === undefined && version <= this.#forgotten;
  }

  /** The version of what a read would answer that began and ended now. */
  #glance(cached: CacheObservation, row: Entry | undefined, newest: Entry | undefined): Version {
    const { meta, value, markerSeq, nowMs } = cached;
    const isEnd = meta !== undefined && (meta.tombstone || (meta.expiresAtMs ?? nowMs) < nowMs);
    if (meta !== undefined && (isEnd || value !== undefined || markerSeq !== undefined)) {
      return meta.version;
    }
    // A value without meta is shown whatever the store has.
    if (value !== undefined) return this.#texts.get(value.text) ?? NOTHING;
    const stored = this.#world.past.cache.policy?.pinned === true ? row : newest;
    return stored?.version ?? this.#forgotten;
  }
}

function newerOf(one: Version, other: Version): Version {
  return one > other ? one : other;
}

/** The write that is safe in Redis alone. */
function journalOf({ meta, value, markerSeq }: CacheObservation): Version {
  if (meta === undefined || markerSeq === undefined) return NOTHING;
  return meta.tombstone || value !== undefined ? meta.version : NOTHING;
}
