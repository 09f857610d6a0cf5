import type { CopyGuard } from "../../../src/cache/cache-authority-port.ts";
import type { CacheObservation } from "../../../src/cache/cache-port.ts";
import type { ReadAnswer } from "../../../src/kv/read-path.ts";
import { type Entry, isDead } from "../../../src/model/entry.ts";
import type { Version } from "../../../src/model/version.ts";
import { isIssue } from "../../../src/verify/classify.ts";
import type { CacheFirstWorld } from "../../support/cache-first-world.ts";

/** Below every version. */
const NOTHING = "";

/** Holds the real servers against what callers were told, as the explorer's watcher does with its world. */
export class Watcher {
  readonly #world: CacheFirstWorld;
  readonly #key: string;
  readonly problems: string[] = [];
  #told: Version = NOTHING;
  #row: Version = NOTHING;
  /** Another program has changed the value, so neither order nor agreement can be promised until a repair. */
  hasForeign = false;

  constructor(world: CacheFirstWorld, key: string) {
    this.#world = world;
    this.#key = key;
  }

  get told(): Version {
    return this.#told;
  }

  complain(what: string): void {
    if (!this.problems.includes(what)) this.problems.push(what);
  }

  hasTold(version: Version): void {
    if (version > this.#told) this.#told = version;
  }

  hasAnswered(answer: ReadAnswer, floor: Version): void {
    if (this.hasForeign || (answer.found && answer.version === null)) return;
    if ((answer.version ?? NOTHING) < floor)
      this.complain("a read shows an older version than was told before");
  }

  hasClassified(copyClass: Parameters<typeof isIssue>[0]): void {
    if (isIssue(copyClass) && !this.hasForeign) this.complain(`false alarm: ${copyClass}`);
  }

  /** A write that was meant for the key as it had been seen may have changed nothing else. */
  async hasWritten([, guard]: readonly unknown[], before: CacheObservation): Promise<void> {
    const seen = (guard as CopyGuard | undefined)?.seen;
    if (seen === undefined || seen.meta?.version === before.meta?.version) return;
    const { cached } = await this.copies();
    if (cached.meta?.version !== before.meta?.version) {
      this.complain("a write has covered what it had not seen");
    }
  }

  /** What must hold at every moment. */
  async look(): Promise<void> {
    const { cached, row, newest } = await this.copies();
    const rowVersion = row?.version ?? NOTHING;
    if (rowVersion < this.#row) this.complain("the shadow went back");
    this.#row = rowVersion;
    const held = [newest?.version, journalOf(cached)].some(
      (version) => (version ?? NOTHING) >= this.#told,
    );
    if (!held && !this.hasForeign) this.complain("a version that was told is in no durable place");
    if (!this.hasForeign && this.#glance(cached, row, newest) < this.#told) {
      this.complain("a read shows an older version than was told before");
    }
  }

  /** What must hold once nothing is left to do. */
  async lookAtRest(): Promise<void> {
    await this.look();
    const { cached, row, events } = await this.copies();
    if (events.length > 0) this.complain("an event is never applied");
    if (cached.markerSeq !== undefined) this.complain("a marker is never cleared");
    if (this.hasForeign) return;
    const { meta, value } = cached;
    if (meta !== undefined && meta.version !== row?.version) {
      this.complain("the cache stays at one version and the shadow at another");
    }
    if (value !== undefined && value.text !== row?.value) {
      this.complain("the cache keeps a value that the shadow does not have");
    }
  }

  async copies() {
    const { cache, store, outbox } = this.#world.past;
    const [cached] = (await cache.observe([this.#key])) as [CacheObservation];
    const events = (await outbox.unprocessedOf([this.#key])).get(this.#key) ?? [];
    const row: Entry | undefined = await store.get(this.#key);
    const newest = [row, ...events.map(({ entry }) => entry)].reduce((known, entry) =>
      (entry?.version ?? NOTHING) > (known?.version ?? NOTHING) ? entry : known,
    );
    return { cached, row, events, newest };
  }

  /** The version of what a read would answer that began and ended now. */
  #glance(cached: CacheObservation, row: Entry | undefined, newest: Entry | undefined): Version {
    const { meta, value, markerSeq, nowMs } = cached;
    const isEnd = meta !== undefined && (meta.tombstone || (meta.expiresAtMs ?? nowMs) < nowMs);
    if (meta !== undefined && (isEnd || value !== undefined || markerSeq !== undefined)) {
      return meta.version;
    }
    const stored = this.#world.past.cache.policy?.pinned === true ? row : newest;
    if (value === undefined) return stored?.version ?? NOTHING;
    // A value without meta is shown whatever the store has.
    const isStored = stored !== undefined && !isDead(stored, nowMs) && stored.value === value.text;
    return isStored ? stored.version : NOTHING;
  }
}

function journalOf({ meta, value, markerSeq }: CacheObservation): Version | undefined {
  if (meta === undefined || markerSeq === undefined) return undefined;
  return meta.tombstone || value !== undefined ? meta.version : undefined;
}
