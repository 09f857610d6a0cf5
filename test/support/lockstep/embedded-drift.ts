import { MemoryCache } from "../../../src/cache/drivers/memory/memory-cache.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import { contentHash } from "../../../src/model/content-hash.ts";
import { epochOf, formatVersion, seqOf } from "../../../src/model/version.ts";
import { waitUntil } from "../wait-until.ts";
import type { Caller } from "./caller.ts";
import { type OpenLockstep, openLockstep, type Variables } from "./open-lockstep.ts";
import type { Drift } from "./planted-drift.ts";
import { SqliteShell } from "./sqlite-shell.ts";

/** What becomes of a key where the cache is in the process and the store an SQLite file. */
export interface EmbeddedDrift extends Drift {
  readonly plant: (gardener: EmbeddedGardener, key: string) => Promise<unknown>;
  /**
   * True where the copy counts only while nobody else has committed anything, so that all that others do must have been
   * done before.
   */
  readonly isLast?: boolean;
}

/** A server on an SQLite file, the copies in its process, another server on the file, and a shell. */
export class EmbeddedGardener {
  readonly lockstep: OpenLockstep;
  readonly shell: SqliteShell;
  readonly #copies: MemoryCache;
  readonly #other: Caller;

  private constructor(parts: {
    readonly lockstep: OpenLockstep;
    readonly shell: SqliteShell;
    readonly copies: MemoryCache;
    readonly other: Caller;
  }) {
    this.lockstep = parts.lockstep;
    this.shell = parts.shell;
    this.#copies = parts.copies;
    this.#other = parts.other;
  }

  static async open(variables: Variables & { readonly LOCKSTEP_SQLITE_FILE: string }) {
    const copies = new MemoryCache({ clock: systemClock, random: systemRandom, maxBytes: 1e8 });
    const lockstep = await openLockstep(variables, { copyCache: copies });
    const other = await openLockstep({ ...variables, LOCKSTEP_SYNC_MODE: "event-only" });
    const shell = await SqliteShell.open(variables.LOCKSTEP_SQLITE_FILE);
    return new EmbeddedGardener({ lockstep, shell, copies, other });
  }

  async plantAll(
    keys: readonly { readonly key: string; readonly drift: EmbeddedDrift }[],
  ): Promise<void> {
    const plant = (isLast: boolean) =>
      Promise.all(
        keys
          .filter(({ drift }) => (drift.isLast ?? false) === isLast)
          .map(({ key, drift }) => drift.plant(this, key)),
      );
    await plant(false);
    await this.#other.close();
    await plant(true);
  }

  set(key: string, value: string) {
    return this.lockstep.call("kv_set", { key, value });
  }

  /** Another process writes it, by way of the outbox, and applies it. */
  async setElsewhere(key: string, value: string): Promise<void> {
    await this.#other.call("kv_set", { key, value });
    await waitUntil(() => this.shell.waiting(key) === 0, { what: "the event to be applied" });
  }

  async verdictOf(key: string) {
    return (await this.lockstep.call("verify_key_sync", { key })).verdict;
  }

  /** Changes the text of the copy behind the server's back. */
  overwriteCopy(key: string, text: string): void {
    if (this.#copies.overwriteText(key, text) === "absent") throw new Error(`No copy of ${key}.`);
  }

  /** Puts a copy of another write in the place of the one that is there, as current as that was. */
  replaceCopy(key: string, value: string, versionsAhead: number): void {
    const held = this.#copies.get(key);
    if (held === undefined) throw new Error(`There is no copy of ${key}.`);
    const { entry, stamp } = held;
    const version = formatVersion(epochOf(entry.version), seqOf(entry.version) + versionsAhead);
    this.#copies.remove(key);
    this.#copies.put({ ...entry, value, hash: contentHash(value), version }, stamp);
  }

  async close(): Promise<void> {
    await Promise.all([this.lockstep.close(), this.#other.close()]);
    this.shell.close();
  }
}

/**
 * Every class that there can be here. Nothing is ever missing because another hand has removed it: a copy is never
 * evidence against the store, unless it is of the very write that the row is of, or nobody else has committed since.
 */
export const embeddedDrifts: readonly EmbeddedDrift[] = [
  {
    what: "a value that was written here",
    plant: (gardener, key) => gardener.set(key, "ours"),
    verdict: "ok",
    action: "none",
    value: "ours",
  },
  {
    what: "a value that another process wrote",
    plant: (gardener, key) => gardener.setElsewhere(key, "theirs"),
    verdict: "cold",
    action: "none",
    value: "theirs",
    after: "cold",
  },
  {
    what: "a value that another process has replaced",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      await gardener.setElsewhere(key, "theirs");
    },
    verdict: "cold",
    action: "none",
    value: "theirs",
    after: "cold",
  },
  {
    what: "a write in the outbox",
    plant: async (gardener, key) => {
      const { version } = await gardener.set(key, "ours");
      await gardener.setElsewhere(key, "theirs");
      gardener.shell.holdBack(key);
      const before = `version = '${version}', hash = '${contentHash("ours")}'`;
      gardener.shell.editRow(key, `${before}, value = CAST('ours' AS BLOB)`);
    },
    verdict: "pending",
    action: "sync_now",
    value: "theirs",
    after: "cold",
  },
  {
    what: "a deleted key",
    plant: async ({ lockstep }, key) => {
      await lockstep.call("kv_set", { key, value: "ours" });
      await lockstep.call("kv_delete", { key });
    },
    verdict: "deleted",
    action: "none",
    value: null,
    after: "deleted",
  },
  {
    what: "a key whose time is over",
    plant: async (gardener, key) => {
      await gardener.lockstep.call("kv_set", { key, value: "ours", ttlSec: 1 });
      await waitUntil(async () => (await gardener.verdictOf(key)) === "expired");
    },
    verdict: "expired",
    action: "none",
    value: null,
    after: "expired",
  },
  {
    what: "a row that was deleted",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      gardener.shell.deleteRow(key);
    },
    verdict: "absent",
    action: "none",
    value: null,
    after: "absent",
  },
  {
    what: "a row with another value and its right hash",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      const hash = contentHash("theirs");
      gardener.shell.editRow(key, `value = CAST('theirs' AS BLOB), hash = '${hash}'`);
    },
    verdict: "diverged",
    action: "follow_cache",
    value: "ours",
    undone: "theirs",
  },
  {
    what: "a row whose value was edited, beside a sound copy",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      gardener.shell.editRow(key, "value = CAST('edited' AS BLOB)");
    },
    verdict: "diverged",
    action: "follow_cache",
    value: "ours",
    undone: "edited",
  },
  {
    what: "a row whose deadline was edited",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      gardener.shell.editRow(key, "expires_at = 4e12");
    },
    verdict: "diverged",
    action: "follow_cache",
    value: "ours",
    // With its deadline.
    undone: "ours",
  },
  {
    what: "a row whose value was edited, and no copy",
    plant: async (gardener, key) => {
      await gardener.setElsewhere(key, "theirs");
      gardener.shell.editRow(key, "value = CAST('edited' AS BLOB)");
    },
    verdict: "corrupt",
    byDigests: "cold",
    action: "none",
    value: "edited",
    after: "corrupt",
  },
  {
    what: "a copy whose text was changed",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      gardener.overwriteCopy(key, "theirs");
    },
    verdict: "changed_outside",
    action: "follow_cache",
    value: "theirs",
    undone: "ours",
  },
  {
    what: "a copy whose text was changed, and a row whose value was edited",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      gardener.overwriteCopy(key, "theirs");
      gardener.shell.editRow(key, "value = CAST('edited otherwise' AS BLOB)");
    },
    verdict: "corrupt",
    action: "none",
    value: "edited otherwise",
    after: "corrupt",
  },
  {
    what: "a copy that is ahead of its row",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      gardener.replaceCopy(key, "newer", 1);
    },
    verdict: "missing",
    action: "project",
    value: "newer",
    isLast: true,
  },
  {
    what: "a copy that is behind its row",
    plant: async (gardener, key) => {
      await gardener.set(key, "ours");
      gardener.replaceCopy(key, "older", -1);
    },
    verdict: "stale",
    action: "drop_copy",
    value: "ours",
    after: "cold",
    isLast: true,
  },
];
