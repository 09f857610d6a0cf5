import type { Random } from "../lib/random.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { KeptRecord, RecordPosition, RecordsPort } from "../store/records-port.ts";
import { type CheckResult, JOBS, type JobName, readResult } from "./check-result.ts";

export interface KeptResult extends CheckResult {
  /** When it began, milliseconds since 1970. */
  readonly atMs: number;
}

export interface ResultsWanted {
  readonly model?: string;
  readonly job?: JobName;
  readonly limit: number;
  readonly cursor?: string;
}

export interface ResultsPage {
  /** Newest first. */
  readonly results: readonly KeptResult[];
  /** Where to go on; undefined at the end. */
  readonly cursor: string | undefined;
}

export interface CheckResultsParts {
  readonly records: RecordsPort;
  readonly random: Random;
  /** So many results are kept of each job and model. */
  readonly keep: number;
  /** And none for longer than this, milliseconds. */
  readonly keepMs: number;
}

/** What the jobs have found, kept in the store for all processes: bounded by count and by time. */
export class CheckResults {
  readonly #parts: CheckResultsParts;

  constructor(parts: CheckResultsParts) {
    this.#parts = parts;
  }

  /** Keeps one, and forgets the oldest of its job and model. Errors: STORE_UNAVAILABLE, UNKNOWN_OUTCOME. */
  async add({ atMs, ...body }: KeptResult): Promise<void> {
    const { records, random, keep, keepMs } = this.#parts;
    const kind = kindOf(body.job);
    const expiresAtMs = atMs + keepMs;
    await records.put([
      { kind, id: random.hex(8), group: body.model, atMs, expiresAtMs, body: { ...body } },
    ]);
    await records.trim(kind, { group: body.model, keep });
  }

  /** Those of all jobs or one, newest first. Errors: STORE_UNAVAILABLE, INPUT_INVALID for a cursor that is not ours. */
  async list({ model, job, limit, cursor }: ResultsWanted): Promise<ResultsPage> {
    const page = {
      ...(model === undefined ? {} : { group: model }),
      ...(cursor === undefined ? {} : { before: positionOf(cursor) }),
      // One more tells whether there is anything left for a next page.
      limit: limit + 1,
    };
    const jobs = job === undefined ? JOBS : [job];
    const lists = await Promise.all(
      jobs.map((each) => this.#parts.records.list(kindOf(each), page)),
    );
    const merged = lists.flat().toSorted(newestFirst);
    const shown = merged.slice(0, limit);
    const last = shown.at(-1);
    return {
      results: shown.flatMap(resultOf),
      cursor: merged.length > limit && last !== undefined ? cursorOf(last) : undefined,
    };
  }
}

function kindOf(job: JobName): string {
  return `${job}_result`;
}

function resultOf({ atMs, body }: KeptRecord): readonly KeptResult[] {
  const result = readResult(body);
  return result === undefined ? [] : [{ ...result, atMs }];
}

/** As each list is; ids are lower-case hex, so that their order as text is that of their bytes. */
function newestFirst(one: RecordPosition, other: RecordPosition): number {
  if (one.atMs !== other.atMs) return other.atMs - one.atMs;
  return one.id < other.id ? 1 : -1;
}

function cursorOf({ atMs, id }: RecordPosition): string {
  return `${atMs}-${id}`;
}

function positionOf(cursor: string): RecordPosition {
  const [, atMs, id] = /^(\d{1,15})-([0-9a-f]{16})$/.exec(cursor) ?? [];
  if (atMs === undefined || id === undefined)
    throw new LockstepError("INPUT_INVALID", "The cursor is not one that this listing has given.");
  return { atMs: Number(atMs), id };
}
