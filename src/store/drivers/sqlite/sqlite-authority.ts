import type { Clock } from "../../../lib/clock.ts";
import { bucketOf } from "../../../model/bucket.ts";
import { isExpired } from "../../../model/entry.ts";
import { type IdempotencyRecords, recall } from "../../../model/idempotency.ts";
import { mintedEntry } from "../../../model/minted-entry.ts";
import { epochOf, formatVersion, seqOf, type Version } from "../../../model/version.ts";
import type { WriteCommand } from "../../../model/write-command.ts";
import { ABSENT, isMet, standingAt } from "../../../model/write-condition.ts";
import {
  type AuthorityWrite,
  type ChangeStamp,
  type CurrentEntry,
  checkWanted,
  type RowGuard,
  type StoreAuthorityPort,
} from "../../store-authority-port.ts";
import { type NewestHead, newestEntry, newestHead } from "./newest-rows.ts";
import { appendEvent } from "./outbox-rows.ts";
import { putIfNewer } from "./shadow-rows.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { recordsOf } from "./sqlite-entry.ts";
import type { SqliteStoreOptions } from "./sqlite-store.ts";

interface WriteOptions {
  readonly to: "shadow" | "outbox";
  readonly guard?: RowGuard;
  readonly onCommitted?: (current: CurrentEntry) => void;
  readonly signal?: AbortSignal;
}

type Decision =
  | { readonly outcome: "written"; readonly current: CurrentEntry; readonly existed: boolean }
  | Exclude<AuthorityWrite, { readonly outcome: "written" }>;

const READ_STATE = `
SELECT
  max(
    (SELECT value FROM state WHERE name = 'epoch'),
    coalesce((SELECT epoch FROM bucket_states WHERE bucket = ?), 0)
  ) AS epoch,
  (SELECT value FROM state WHERE name = 'last_seq') AS last_seq`;

const KEEP_LAST_SEQ = "UPDATE state SET value = ? WHERE name = 'last_seq'";

/**
 * The store as the one that decides. A write is a step of a transaction that holds the write lock from its start: it
 * judges the guard, mints, writes row or event, and reads the change stamp, so no other process comes between these.
 * Writes of the same turn share the transaction, each judged on what those before it wrote. Commit and `onCommitted`
 * follow each other without an await, so nothing in this process comes between those.
 */
export class SqliteAuthority implements StoreAuthorityPort {
  readonly hasEventPath = true;
  readonly groupsWrites = true;
  readonly #database: SqliteDatabase;
  readonly #clock: Clock;
  readonly #graceMs: number;

  constructor({ database, clock, graceMs }: SqliteStoreOptions) {
    this.#database = database;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  async write(
    command: WriteCommand,
    { to, guard, onCommitted, signal }: WriteOptions,
  ): Promise<AuthorityWrite> {
    const decide = () => {
      checkWanted(signal);
      return this.#decide(command, to, guard);
    };
    const decision = await this.#database.write(decide, {
      commitFailure: "UNKNOWN_OUTCOME",
      onCommitted: (made) => {
        if (made.outcome === "written") onCommitted?.(made.current);
      },
    });
    if (decision.outcome !== "written") return decision;
    return { outcome: "written", entry: decision.current.entry, existed: decision.existed };
  }

  async current(
    key: string,
    onLoaded?: (current: CurrentEntry | undefined, stamp: ChangeStamp) => void,
  ): Promise<CurrentEntry | undefined> {
    const { newest, stamp } = this.#database.read(() => ({
      newest: newestEntry(this.#database, key),
      stamp: this.#database.dataVersion(),
    }));
    const current = newest === undefined ? undefined : { ...newest, stamp };
    onLoaded?.(current, stamp);
    return current;
  }

  changeStamp(): ChangeStamp {
    try {
      return this.#database.dataVersion();
    } catch {
      // The caller then asks the store itself, which tells what is wrong.
      return undefined;
    }
  }

  #decide(command: WriteCommand, to: "shadow" | "outbox", guard: RowGuard | undefined): Decision {
    const newest = newestHead(this.#database, command.key);
    const version = newest?.version ?? null;
    if (guard !== undefined && guard.version !== version) return { outcome: "moved", version };

    const nowMs = this.#clock.nowMs();
    const records = recordsOf(newest?.idempotency ?? null) ?? [];
    const settled = judge(command, records, newest, nowMs);
    if (settled !== undefined) return settled;

    const entry = mintedEntry(
      command,
      this.#mint(bucketOf(command.key), version, nowMs),
      nowMs,
      records,
    );
    if (to === "outbox") appendEvent(this.#database, entry, nowMs);
    else {
      const arrival = { method: "ASYNC_THREAD", nowMs, graceMs: this.#graceMs } as const;
      putIfNewer(this.#database, entry, arrival);
    }
    return {
      outcome: "written",
      current: { entry, from: to, stamp: this.#database.dataVersion() },
      existed: isLive(newest, nowMs),
    };
  }

  /**
   * Above the last version minted here, and above the key's own newest: that one came from elsewhere if the same file
   * served a cache that minted by itself, maybe by a clock that is ahead. The epoch is the one that such a cache would
   * have: below it, whatever that cache still delivers would win; above it, that cache could write the key no more.
   */
  #mint(bucket: number, newest: Version | null, nowMs: number): Version {
    const state = this.#database.query<{ epoch: number; last_seq: number }>(READ_STATE).one(bucket);
    const known = newest ?? formatVersion(0, 0);
    const seq = Math.max(state.last_seq + 1, seqOf(known) + 1, nowMs * 1000);
    this.#database.query(KEEP_LAST_SEQ).run(seq);
    return formatVersion(Math.max(state.epoch, epochOf(known)), seq);
  }
}

/** What there is to answer without a write, where there is something. */
function judge(
  { condition, idempotencyMark }: WriteCommand,
  records: IdempotencyRecords,
  newest: NewestHead | undefined,
  nowMs: number,
): Decision | undefined {
  const first = idempotencyMark === undefined ? undefined : recall(records, idempotencyMark);
  if (first === "other") return { outcome: "reused" };
  if (first !== undefined) {
    const from = newest?.waits === 1 ? "outbox" : "shadow";
    return { outcome: "repeated", version: first.version, from };
  }
  const standing =
    newest !== undefined && isLive(newest, nowMs) ? standingAt(newest.version) : ABSENT;
  if (condition === undefined || isMet(condition, standing)) return undefined;
  return { outcome: "conflict", standing };
}

function isLive(newest: NewestHead | undefined, nowMs: number): boolean {
  return newest !== undefined && newest.deleted === 0 && !isExpired(newest.expires_at, nowMs);
}
