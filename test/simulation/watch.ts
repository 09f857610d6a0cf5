import type { Version } from "../../src/model/version.ts";
import type { CopyClass } from "../../src/verify/classify.ts";
import type { FakeRedis } from "../support/fake-redis.ts";
import type { FakeStore } from "../support/fake-store.ts";
import type { Ledger } from "./ledger.ts";
import { ShadowWatch } from "./shadow-watch.ts";

/** Who hears of what verification calls an issue. */
export interface Alarm {
  alarm(key: string, copyClass: CopyClass): void;
}

export interface WatchParts {
  readonly redis: FakeRedis;
  readonly store: FakeStore;
  readonly ledger: Ledger;
  /** Whether Redis holds and marks every write until the shadow has it, for the whole run. */
  readonly isPinned: boolean;
  /** Whether Redis may be rolled back: then the sides may really differ. */
  readonly isRolledBack: boolean;
  readonly onViolation: (what: string) => void;
}

/** Keys under this prefix are written with a TTL: what becomes of them depends on clocks. */
export const EXPIRING = "expiring:";

/** What must hold at every step, looked at past all processes, on the servers themselves. */
export class Watch implements Alarm {
  readonly #parts: WatchParts;
  readonly #shadow: ShadowWatch;
  /** Whether a backlog is excused: something is wrong with a server, a machine or the network. */
  isTroubled = true;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#shadow = new ShadowWatch(parts.onViolation, parts.isPinned && !parts.isRolledBack);
  }

  /** After each command that a server has carried out, and after whatever is done to a server. */
  look(): void {
    this.#shadow.look(this.#parts.store.rows);
    this.#acknowledgedIsDurable();
  }

  /** What was acknowledged, or something newer, is in the shadow, the outbox or the journal. */
  #acknowledgedIsDurable(): void {
    const { store, ledger, onViolation } = this.#parts;
    for (const [key, version] of ledger.acknowledged) {
      const row = store.rows.get(key);
      if (row !== undefined && row.version >= version) continue;
      if (key.startsWith(EXPIRING) || this.#isInJournal(key, version)) continue;
      const hasEvent = store
        .unprocessed()
        .some(({ entry }) => entry.key === key && entry.version >= version);
      if (!hasEvent) {
        onViolation(`${key}: ${version} was acknowledged, and is in no durable place any more.`);
      }
    }
  }

  #isInJournal(key: string, version: Version): boolean {
    const { redis } = this.#parts;
    const meta = redis.metas.get(key)?.meta;
    if (meta === undefined || meta.version < version || !redis.markers.has(key)) return false;
    return meta.tombstone || redis.values.has(key);
  }

  /** A verification has found an issue. */
  alarm(key: string, copyClass: CopyClass): void {
    if (copyClass === "overdue" && this.isTroubled) return;
    if (this.#parts.isRolledBack || this.#isLeftBehind(key)) return;
    this.#parts.onViolation(`False alarm: ${key} is called ${copyClass}.`);
  }

  /**
   * Unpinned, nothing marks a write that its process could not finish: the sides do differ then, and verification has to
   * say so. No caller was told that such a write is there.
   */
  #isLeftBehind(key: string): boolean {
    const { redis, store, ledger, isPinned } = this.#parts;
    if (isPinned) return false;
    const versions = [redis.metas.get(key)?.meta?.version, store.rows.get(key)?.version];
    const newest = versions
      .filter((version) => version !== undefined)
      .toSorted()
      .at(-1);
    return newest !== undefined && !ledger.told.has(newest);
  }

  rows(): FakeStore["rows"] {
    return this.#parts.store.rows;
  }

  /** Journal and outbox have drained. */
  get isDrained(): boolean {
    const { redis, store } = this.#parts;
    return redis.markers.size === 0 && store.unprocessed().length === 0;
  }

  /** What still waits, in words. */
  backlog(): string {
    const { redis, store } = this.#parts;
    const events = store.unprocessed().map(({ id, entry }) => `${id} of ${entry.key}`);
    return `markers: ${[...redis.markers.keys()].join(", ") || "none"}; events: ${events.join(", ") || "none"}`;
  }

  /** When all is drained: every acknowledged write, or a newer one, is in the shadow, and the copies are of it. */
  lookAtEnd(): void {
    const { redis, store, ledger, onViolation } = this.#parts;
    for (const [key, version] of ledger.acknowledged) {
      const row = store.rows.get(key)?.version;
      if (row === undefined || row < version)
        onViolation(`${key}: ${version} was acknowledged, and the shadow ends with ${row}.`);
    }
    for (const [key, { version, value }] of store.rows) {
      const meta = redis.meta(key);
      const cached = redis.value(key)?.bytes.toString();
      if (meta === undefined || (meta.version !== version && this.#isLeftBehind(key))) continue;
      if (meta.version !== version || (cached !== undefined && cached !== value))
        onViolation(`${key}: ${meta.version} stays cached, and the shadow ends with ${version}.`);
    }
  }
}
