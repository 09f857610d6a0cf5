import type { CachePort } from "../cache/cache-port.ts";
import type { Clock } from "../lib/clock.ts";
import { newestOf } from "../model/entry.ts";
import { ERRORS } from "../model/error-table.ts";
import { checkKey } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { writtenAtMs } from "../model/version.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { HistoryRing } from "./history-ring.ts";
import type { KeptHistory, KeptKeyEvent } from "./kept-history.ts";
import { KEY_EVENT_KINDS, type KeyEvent } from "./key-event.ts";

/** Where an event is known from: this process, the store's notes of any process, or what cache and store show now. */
export type KeyEventSource = "process" | "kept" | "state";

export interface ExplainedEvent extends Omit<KeptKeyEvent, "by"> {
  readonly from: KeyEventSource;
  /** null where the state alone cannot tell. */
  readonly by: string | null;
}

export interface KeyExplanation {
  readonly key: string;
  /** Newest last. */
  readonly events: readonly ExplainedEvent[];
  /** Whether older ones were left out. */
  readonly truncated: boolean;
  /** What the answer can know of. */
  readonly covers: {
    readonly process: string;
    /** Since when this process has listened, milliseconds since 1970. */
    readonly sinceMs: number;
    /** How long the notes of all processes are kept, milliseconds. */
    readonly keptForMs: number;
    /** Events that this process should have kept there and could not. */
    readonly letGo: number;
    /** What could not be asked now, because cache or store does not answer. */
    readonly unknown: readonly KeyEventSource[];
  };
}

export interface KeyExplainerParts {
  readonly cache: CachePort;
  readonly outbox: OutboxPort;
  readonly store: StorePort;
  readonly ring: HistoryRing;
  readonly kept: Pick<KeptHistory, "of" | "flush" | "letGo">;
  readonly clock: Clock;
  readonly by: string;
  readonly keptForMs: number;
  readonly keyMaxBytes: number;
}

/**
 * Tells what happened to one key: what this process saw, what any process found worth keeping, and, of what neither knows, the last
 * write and its way to the store as cache and store still show them. Looks, and changes nothing of the key.
 */
export class KeyExplainer {
  readonly #parts: KeyExplainerParts;
  readonly #sinceMs: number;

  constructor(parts: KeyExplainerParts) {
    this.#parts = parts;
    this.#sinceMs = parts.clock.nowMs();
  }

  /** The last `limit` events, as far as cache and store answer. Errors: INPUT_INVALID, KEY_RESERVED. */
  async explain(key: string, limit: number): Promise<KeyExplanation> {
    const { ring, kept, by, keptForMs, keyMaxBytes } = this.#parts;
    checkKey(key, keyMaxBytes);
    await kept.flush();
    const [notes, shown] = await Promise.all([
      unlessDown(kept.of(key, limit)),
      unlessDown(this.#fromState(key)),
    ]);
    const noted = (notes ?? []).map((event) => ({ ...event, from: "kept" as const }));
    const seen = ring.of(key).map((event) => ({ ...event, by, from: "process" as const }));
    // What this process has noted itself is in both.
    const own = new Set(seen.map(nameOf));
    const known = [...noted.filter((event) => event.by !== by || !own.has(nameOf(event))), ...seen];
    const told = new Set(known.map(({ what, version }) => `${what} ${version ?? ""}`));
    const state = (shown ?? []).filter(
      ({ what, version }) => !told.has(`${what} ${version ?? ""}`),
    );
    const events = [...state, ...known].sort(byTime);
    return {
      key,
      events: events.slice(-limit),
      truncated: events.length > limit || noted.length === limit,
      covers: {
        process: by,
        sinceMs: this.#sinceMs,
        keptForMs,
        letGo: kept.letGo,
        unknown: [
          ...(notes === undefined ? (["kept"] as const) : []),
          ...(shown === undefined ? (["state"] as const) : []),
        ],
      },
    };
  }

  /** Cache before store, as in any look: what lands in between is then seen twice, and not missed. */
  async #fromState(key: string): Promise<readonly ExplainedEvent[]> {
    const { cache, outbox, store } = this.#parts;
    const [seen] = await cache.observe([key]);
    const waiting = (await outbox.unprocessedOf([key])).get(key) ?? [];
    const row = await store.get(key);
    const meta = seen?.meta;
    const written = newestOf([
      ...(row === undefined ? [] : [{ ...row, isDelete: row.value === null }]),
      ...waiting.map(({ entry }) => ({ ...entry, isDelete: entry.value === null })),
      ...(meta === undefined ? [] : [{ ...meta, isDelete: meta.tombstone }]),
    ]);
    const events: ExplainedEvent[] = [];
    const tell = (atMs: number, event: KeyEvent) =>
      events.push({ ...event, atMs, times: 1, from: "state", by: null });
    if (written !== undefined) {
      const { version, isDelete, sessionId, interactionId } = written;
      const how = isDelete ? "delete" : "set";
      tell(writtenAtMs(version), { what: "written", how, version, sessionId, interactionId });
    }
    for (const { entry, dead, attempts } of waiting) {
      const { version } = entry;
      tell(writtenAtMs(version), {
        what: dead === true ? "parked" : "waiting",
        how: "event",
        version,
        note: `${attempts} attempts have failed.`,
      });
    }
    if (seen?.markerSeq !== undefined && meta !== undefined)
      tell(seen.markerSeq / 1000, { what: "pending", how: "journal", version: meta.version });
    if (row !== undefined) {
      const { version, syncMethod, syncedAtMs } = row;
      const how = syncMethod === "ASYNC_THREAD" ? "direct" : "event";
      tell(syncedAtMs, { what: "synced", how, version });
    }
    return events;
  }
}

/** When a backend is down, people ask more than ever, and what is remembered here can be told. */
async function unlessDown<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    const code = LockstepError.codeOf(error);
    if (code === undefined || ERRORS[code].kind !== "unavailable") throw error;
    return undefined;
  }
}

function nameOf({ what, how, version }: KeyEvent): string {
  return JSON.stringify([what, how, version]);
}

/** Of one moment, what this process saw stands in the order in which it saw it, after what others tell. */
function byTime(one: ExplainedEvent, other: ExplainedEvent): number {
  return one.atMs - other.atMs || rankOf(one) - rankOf(other);
}

function rankOf({ what, from }: ExplainedEvent): number {
  return from === "process" ? KEY_EVENT_KINDS.length : KEY_EVENT_KINDS.indexOf(what);
}
