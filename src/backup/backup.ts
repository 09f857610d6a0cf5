import { BatchSizer } from "../lib/batch-sizer.ts";
import type { Clock } from "../lib/clock.ts";
import { ALL_BUCKETS } from "../model/bucket.ts";
import { matchesOwnHash, type ShadowEntry } from "../model/entry.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import { BACKUP_FORMAT, type BackupHeader } from "./backup-lines.ts";
import { BackupWriter, stopIfAborted } from "./backup-writer.ts";

/** Of one chunk: a resumed backup repeats no more than that. */
const CHUNK_ROWS_MAX = 500;

/** What a chunk may hold of values, as far as it can be foreseen. */
const CHUNK_BYTES_MAX = 4_000_000;

export interface BackupRequest {
  /** Where the file is to be. Nothing may be there. */
  readonly path: string;
  readonly gzip: boolean;
  /** Go on with a backup of that name that was begun and not ended, if there is one. */
  readonly resume: boolean;
  readonly signal?: AbortSignal;
  /** Hears how many rows are in the file, and about how many there will be. */
  readonly progress?: (done: number, total: number) => void;
}

export interface BackupReport {
  readonly path: string;
  readonly storeId: string;
  readonly startedAt: string;
  /** Rows in the file, those of events among them. */
  readonly rows: number;
  readonly chunks: number;
  readonly bytes: number;
  /** The checksum of the last line, which covers the file. */
  readonly sha256: string;
  /** Whether it went on with one that was begun before. */
  readonly resumed: boolean;
  /** Rows written now that do not match their own hash: they are kept as they are, and verification names them. */
  readonly unsound: number;
  readonly tookMs: number;
}

export interface BackupParts {
  readonly store: Pick<StorePort, "kind" | "storeId" | "countRows" | "scan">;
  readonly outbox: Pick<OutboxPort, "unprocessedIn">;
  readonly bucketStates: Pick<BucketStatesPort, "read">;
  readonly clock: Clock;
}

/**
 * Writes the shadow into a file: first the events that wait in the outbox, then every row in key order. Events before
 * rows, so that one that is applied meanwhile is met as a row: whatever the store had acknowledged when the backup began
 * is in the file. Later writes may or may not be; of a key that is in it twice, the newer version counts. What only Redis
 * has (the journal) is not in the store, and so not in its backup.
 */
export class Backup {
  readonly #parts: BackupParts;

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  /**
   * Errors: INPUT_INVALID (something is in the way, or the file to go on with is of another store), BACKUP_TOO_NEW,
   * STORE_UNAVAILABLE, ABORTED. After each of the last two, and after a crash, `resume` goes on.
   */
  async run({ path, gzip, resume, signal, progress }: BackupRequest): Promise<BackupReport> {
    const { clock, store } = this.#parts;
    const startedMs = clock.monotonicMs();
    const fresh = await this.#header();
    const writer = await BackupWriter.open(path, { gzip, resume, signal });
    const { header } = writer.soFar;
    let unsound = 0;
    try {
      if (header === undefined) await writer.header(fresh);
      else if (header.storeId !== fresh.storeId) throw ofAnotherStore(path, header.storeId);
      for await (const { rows, after } of this.#chunks(writer.soFar.after)) {
        stopIfAborted(signal);
        unsound += rows.filter((row) => !matchesOwnHash(row)).length;
        await writer.chunk(rows, after);
        progress?.(writer.soFar.rows, Math.max(fresh.about, writer.soFar.rows));
      }
    } catch (error) {
      await writer.leave();
      throw error;
    }
    const { bytes, sha256 } = await writer.finish();
    const { rows, chunks } = writer.soFar;
    const { startedAt } = header ?? fresh;
    return {
      path,
      storeId: await store.storeId(),
      startedAt,
      rows,
      chunks,
      bytes,
      sha256,
      resumed: header !== undefined,
      unsound,
      tookMs: Math.round(clock.monotonicMs() - startedMs),
    };
  }

  async #header(): Promise<BackupHeader> {
    const { store, bucketStates, clock } = this.#parts;
    const states = await bucketStates.read(ALL_BUCKETS);
    const purged = states.flatMap(({ highestPurged }, bucket) =>
      highestPurged === undefined ? [] : [[String(bucket), highestPurged] as const],
    );
    return {
      lockstep: "backup",
      format: BACKUP_FORMAT,
      storeId: await store.storeId(),
      storeKind: store.kind,
      startedAt: new Date(clock.nowMs()).toISOString(),
      about: await store.countRows(),
      highestPurged: Object.fromEntries(purged),
    };
  }

  async *#chunks(
    after: string | null,
  ): AsyncGenerator<{ readonly rows: readonly ShadowEntry[]; readonly after: string | null }> {
    if (after === null) {
      for (const bucket of ALL_BUCKETS) {
        for await (const rows of this.#events(bucket)) yield { rows, after: null };
      }
    }
    const sizer = new BatchSizer({ itemsMax: CHUNK_ROWS_MAX, bytesMax: CHUNK_BYTES_MAX });
    for (let last = after; ; ) {
      const limit = sizer.items;
      const place = last === null ? {} : { afterKey: last };
      const rows = await this.#parts.store.scan({ ...place, limit });
      sizer.saw(rows.length, bytesOf(rows));
      last = rows.at(-1)?.key ?? last;
      if (rows.length > 0) yield { rows, after: last };
      if (rows.length < limit) return;
    }
  }

  async *#events(bucket: number): AsyncGenerator<readonly ShadowEntry[]> {
    const { outbox, clock } = this.#parts;
    const sizer = new BatchSizer({ itemsMax: CHUNK_ROWS_MAX, bytesMax: CHUNK_BYTES_MAX });
    let cursor: string | undefined;
    do {
      const place = cursor === undefined ? {} : { cursor };
      const page = await outbox.unprocessedIn({ bucket, limit: sizer.items, ...place });
      // As the rows that they will be.
      const arrival = { syncMethod: "EVENT_BASED", syncedAtMs: clock.nowMs() } as const;
      const rows = page.events.map(({ entry }) => ({ ...entry, ...arrival }));
      sizer.saw(rows.length, bytesOf(rows));
      if (rows.length > 0) yield rows;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

function bytesOf(rows: readonly ShadowEntry[]): number {
  return rows.reduce((bytes, { key, value }) => bytes + key.length + (value?.length ?? 0), 0);
}

function ofAnotherStore(path: string, storeId: string): LockstepError {
  return new LockstepError("INPUT_INVALID", `${path}.part is of another store, ${storeId}.`, {
    hint: "Remove it, or name another file.",
  });
}
