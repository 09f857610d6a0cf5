import { type FileHandle, open } from "node:fs/promises";
import type { Clock } from "../lib/clock.ts";
import { ALL_BUCKETS, bucketOf } from "../model/bucket.ts";
import { isDead, newestOfEach, type ShadowEntry, type SyncMethod } from "../model/entry.ts";
import { NAMED_KEYS_MAX } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { epochOf, type Version } from "../model/version.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import { beginLife } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Acknowledge } from "../sync/acknowledger.ts";
import { applyEntries } from "../sync/apply-around-refusals.ts";
import type { BackupHeader } from "./backup-lines.ts";
import { readBackup } from "./backup-reader.ts";
import { fateOf, type RowFate } from "./judge-row.ts";

export interface RestoreRequest {
  readonly path: string;
  /** Also write rows whose delete the store may have forgotten since. */
  readonly evenPurged: boolean;
  readonly signal?: AbortSignal;
  /** Hears how many rows have been looked at, and how many there are. */
  readonly progress?: (done: number, total: number) => void;
}

/** What a whole backup holds. */
export interface BackupContents {
  readonly storeId: string;
  readonly storeKind: string;
  readonly startedAt: string;
  readonly rows: number;
  readonly chunks: number;
}

export interface RestoreReport extends BackupContents {
  readonly path: string;
  /** How many rows met each fate. */
  readonly fates: Readonly<Record<RowFate, number>>;
  /** Keys that were left out because their delete may have been forgotten, as far as they fit. */
  readonly purgedKeys: readonly string[];
  /** Rows that the store would not take. */
  readonly refused: number;
  readonly refusedKeys: readonly string[];
  readonly tookMs: number;
}

export interface RestoreParts {
  readonly store: StorePort;
  readonly bucketStates: BucketStatesPort;
  /** Tells the cache what the shadow has now. */
  readonly acknowledge: Acknowledge;
  /** Has the cache recover where the store's epoch is above its own: until then it is told nothing of earlier epochs. */
  readonly recover: () => Promise<void>;
  readonly clock: Clock;
}

/**
 * Reads all of a backup, and so finds any damage before something is written. Errors: BACKUP_DAMAGED, BACKUP_TOO_NEW,
 * ABORTED, and those of the file system.
 */
export async function examineBackup(path: string, signal?: AbortSignal): Promise<BackupContents> {
  return withFile(path, async (file) => (await survey(file, signal)).contents);
}

/**
 * Brings a backup into the store. Only newer versions change a row, so nothing that was written since is lost, and a
 * restore that ended half-way is simply made again: what is there by then is only looked at. Three things follow from
 * a row that comes back with its old version:
 *
 * - What is minted from now on must be above it. So before the first row of a bucket is written, the store's epoch of the bucket
 *   is raised above every epoch that the file has in it; a Redis then recovers, and mints above too.
 * - The cache may have an older copy. So the cache is told of each row as it is told of any write that has landed: an older copy goes, a
 *   newer one stays, and a fill under way is void.
 * - The key may have been deleted since, and the delete been purged. So a row of a key that the store does not have is left
 *   out if rows above it have been purged since the backup.
 */
export class Restore {
  readonly #parts: RestoreParts;

  constructor(parts: RestoreParts) {
    this.#parts = parts;
  }

  /**
   * Errors: as {@link examineBackup}, before anything is written; STORE_UNAVAILABLE, CACHE_UNAVAILABLE, RECOVERING, ABORTED,
   * after which the restore can be made again.
   */
  run(request: RestoreRequest): Promise<RestoreReport> {
    return withFile(request.path, (file) => this.#restore(file, request));
  }

  async #restore(file: FileHandle, request: RestoreRequest): Promise<RestoreReport> {
    const { clock, store } = this.#parts;
    const startedMs = clock.monotonicMs();
    const surveyed = await survey(file, request.signal);
    const { contents, header } = surveyed;
    const isSameStore = header.storeId === (await store.storeId());
    const pass: Pass = {
      surveyed,
      purgedBefore: isSameStore ? header.highestPurged : {},
      request,
      nowMs: clock.nowMs(),
      tally: new Tally(),
      epochs: "as found",
    };
    for (const which of ["live", "dead"] as const) await this.#restoreThe(which, file, pass);
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    return { path: request.path, ...contents, ...pass.tally.report(), tookMs };
  }

  /**
   * The dead come last. Their grace time may be over, so that they are purged again while the restore goes on; and what
   * has been purged speaks against every older row of its bucket that is not there yet.
   */
  async #restoreThe(which: "live" | "dead", file: FileHandle, pass: Pass): Promise<void> {
    const { surveyed, request, tally, nowMs } = pass;
    for await (const part of readBackup(file)) {
      if (part.kind !== "chunk") continue;
      if (request.signal?.aborted === true) throw stopped();
      const some = part.rows.filter((row) => isDead(row, nowMs) === (which === "dead"));
      if (some.length === 0) continue;
      await this.#restoreRows(some, which === "dead", pass);
      request.progress?.(tally.rows, surveyed.contents.rows);
    }
  }

  async #restoreRows(some: readonly ShadowEntry[], areDead: boolean, pass: Pass): Promise<void> {
    const { surveyed, purgedBefore, request, tally } = pass;
    const { clock, store, acknowledge } = this.#parts;
    const life = beginLife(clock);
    const rows = newestOfEach(some) as ReadonlyMap<string, ShadowEntry>;
    const stored = await store.getMany([...rows.keys()]);
    // After the rows: a purge says how far it goes before it takes the first of them.
    const states = request.evenPurged ? [] : await this.#parts.bucketStates.read(ALL_BUCKETS);
    const judged = Array.from(rows.values(), (row) => ({
      row,
      fate: isDeletedLater(row, surveyed)
        ? ("newer" as const)
        : fateOf(row, {
            isDead: areDead,
            stored: stored.get(row.key)?.version,
            purgedBefore: purgedBefore[bucketOf(row.key)],
            purgedNow: states[bucketOf(row.key)]?.highestPurged,
          }),
    }));
    const wanted = judged.filter(({ fate }) => fate === "restored").map(({ row }) => row);
    await this.#prepare(pass, wanted.length > 0);
    // A restore that ended in between may not have come to tell the cache.
    const there = judged.filter(({ fate }) => fate === "there");
    const told = new Map<string, Version>(there.map(({ row }) => [row.key, row.version]));
    for (const method of METHODS) {
      const ofMethod = wanted.filter(({ syncMethod }) => syncMethod === method);
      const { versions, refused } = await applyEntries(store, ofMethod, life, method);
      for (const [key, version] of versions) told.set(key, version);
      tally.refused([...refused.keys()]);
    }
    await acknowledge(told);
    tally.add(judged, some.length);
  }

  /**
   * Before the first row is written the epochs of all buckets of the file are raised, together, so that Redis recovers
   * once; it also has to be as far as the store before it is told of rows that are there.
   */
  async #prepare(pass: Pass, isWriting: boolean): Promise<void> {
    if (pass.epochs === "raised" || (pass.epochs === "recovered" && !isWriting)) return;
    if (isWriting) {
      for (const bucket of pass.surveyed.epochs.keys())
        await this.#raiseAbove(bucket, pass.surveyed);
    }
    await this.#parts.recover();
    pass.epochs = isWriting ? "raised" : "recovered";
  }

  async #raiseAbove(bucket: number, { header, epochs }: Surveyed): Promise<void> {
    const { bucketStates } = this.#parts;
    const [state] = await bucketStates.read([bucket]);
    let present = state?.epoch ?? 0;
    while (present <= (epochs.get(bucket) ?? 0)) {
      present = await bucketStates.raiseEpoch(bucket, `a backup of ${header.storeId}`);
    }
  }
}

/** What all steps of one restore share. */
interface Pass {
  readonly surveyed: Surveyed;
  /** In this very store, when the backup began. */
  readonly purgedBefore: BackupHeader["highestPurged"];
  readonly request: RestoreRequest;
  readonly nowMs: number;
  readonly tally: Tally;
  /** Whether the cache has recovered as far as the store, and whether that is above every epoch of the file. */
  epochs: "as found" | "recovered" | "raised";
}

/** What is known of a backup that has been read once. */
interface Surveyed {
  readonly contents: BackupContents;
  readonly header: BackupHeader;
  /** The highest epoch of any row of each bucket. */
  readonly epochs: ReadonlyMap<number, number>;
  /** Deletes that waited in the outbox, beside the rows that they were yet to delete. */
  readonly waitingDeletes: ReadonlyMap<string, Version>;
}

function isDeletedLater({ key, version }: ShadowEntry, { waitingDeletes }: Surveyed): boolean {
  const deleted = waitingDeletes.get(key);
  return deleted !== undefined && deleted > version;
}

const METHODS: readonly SyncMethod[] = ["ASYNC_THREAD", "EVENT_BASED"];

async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, "r");
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

async function survey(file: FileHandle, signal: AbortSignal | undefined): Promise<Surveyed> {
  const epochs = new Map<number, number>();
  const waitingDeletes = new Map<string, Version>();
  let header: BackupHeader | undefined;
  let end = { rows: 0, chunks: 0 };
  for await (const part of readBackup(file)) {
    if (signal?.aborted === true) throw stopped();
    if (part.kind === "header") header = part.header;
    else if (part.kind === "end") end = part.end;
    else {
      for (const { key, version, value } of part.rows) {
        const bucket = bucketOf(key);
        epochs.set(bucket, Math.max(epochs.get(bucket) ?? 0, epochOf(version)));
        const isEvent = part.end.after === null;
        if (isEvent && value === null && version > (waitingDeletes.get(key) ?? "")) {
          waitingDeletes.set(key, version);
        }
      }
    }
  }
  if (header === undefined) throw new TypeError("A whole backup has a header.");
  const { storeId, storeKind, startedAt } = header;
  const { rows, chunks } = end;
  const contents = { storeId, storeKind, startedAt, rows, chunks };
  return { contents, header, epochs, waitingDeletes };
}

class Tally {
  readonly #fates: Record<RowFate, number> = { restored: 0, there: 0, newer: 0, purged: 0 };
  readonly #purgedKeys: string[] = [];
  readonly #refusedKeys: string[] = [];
  #refused = 0;
  #rows = 0;

  /** So many rows of the file have been looked at. */
  get rows(): number {
    return this.#rows;
  }

  add(judged: readonly { readonly row: ShadowEntry; readonly fate: RowFate }[], rows: number) {
    for (const { row, fate } of judged) {
      this.#fates[fate] += 1;
      if (fate === "purged" && this.#purgedKeys.length < NAMED_KEYS_MAX)
        this.#purgedKeys.push(row.key);
    }
    // Of a key that is in a chunk twice, the newer one counts.
    this.#fates.newer += rows - judged.length;
    this.#rows += rows;
  }

  refused(keys: readonly string[]): void {
    for (const key of keys) {
      this.#refused += 1;
      this.#fates.restored -= 1;
      if (this.#refusedKeys.length < NAMED_KEYS_MAX) this.#refusedKeys.push(key);
    }
  }

  report() {
    return {
      fates: this.#fates,
      purgedKeys: this.#purgedKeys,
      refused: this.#refused,
      refusedKeys: this.#refusedKeys,
    };
  }
}

function stopped(): LockstepError {
  return new LockstepError("ABORTED", "The restore was stopped between two chunks.", {
    hint: "Run it again: what is there by now is only looked at.",
  });
}
