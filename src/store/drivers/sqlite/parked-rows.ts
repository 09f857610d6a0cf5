import { LockstepError } from "../../../model/lockstep-error.ts";
import type { DeadLetter } from "../../outbox-port.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";
import { textOf } from "./sqlite-entry.ts";

interface ParkedRow {
  readonly id: number;
  readonly key: Uint8Array;
  readonly version: string;
  readonly attempts: number;
  readonly cause: string | null;
  readonly dead_at: number | null;
}

const PARKED = "processed = 0 AND state = 'dead'";

const PARK = `
UPDATE outbox SET state = 'dead', attempts = attempts + 1, cause = ?, dead_at = ?, lease_until = 0, owner = NULL
WHERE id = ? AND processed = 0 AND state = 'live'`;

const LIST = `
SELECT id, key, version, attempts, cause, dead_at FROM outbox
WHERE ${PARKED} AND id > ? ORDER BY id LIMIT ?`;

const COUNT = `SELECT count(*) AS events FROM outbox WHERE ${PARKED}`;

const PUT_BACK = "state = 'live', attempts = 0, cause = NULL, dead_at = NULL, lease_until = 0";

const REPLAY_ONE = `UPDATE outbox SET ${PUT_BACK} WHERE id = ? AND ${PARKED}`;

const REPLAY_FIRST = `
UPDATE outbox SET ${PUT_BACK}
WHERE id IN (SELECT id FROM outbox WHERE ${PARKED} ORDER BY id LIMIT ?)`;

/** The rows of parked events. What changes any needs a write transaction around it. */
export class ParkedRows {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  park(ids: readonly string[], cause: string, nowMs: number): void {
    const park = this.#database.query(PARK);
    for (const id of ids) park.run(cause, nowMs, id);
  }

  list({ limit, cursor }: { readonly limit: number; readonly cursor?: string }) {
    // One more than asked for tells whether there are more.
    const rows = this.#database.query<ParkedRow>(LIST).all(placeOf(cursor), limit + 1);
    const shown = rows.slice(0, limit);
    return {
      letters: shown.map(toLetter),
      cursor: rows.length > limit ? String(shown.at(-1)?.id ?? placeOf(cursor)) : undefined,
    };
  }

  count(): number {
    return this.#database.query<{ events: number }>(COUNT).one().events;
  }

  replay({ ids, limit }: { readonly ids?: readonly string[]; readonly limit: number }): number {
    if (ids === undefined) return this.#database.query(REPLAY_FIRST).run(limit);
    const replay = this.#database.query(REPLAY_ONE);
    let replayed = 0;
    for (const id of new Set(ids)) {
      if (replayed === limit) break;
      replayed += replay.run(id);
    }
    return replayed;
  }
}

function toLetter({ id, key, version, attempts, cause, dead_at }: ParkedRow): DeadLetter {
  return {
    id: String(id),
    key: textOf(key),
    version,
    cause: cause ?? "",
    attempts,
    sinceMs: dead_at,
  };
}

/** A page goes on after the id that its cursor is. */
export function placeOf(cursor = "0"): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new LockstepError("INPUT_INVALID", "The cursor is not one that this listing has given.");
}
