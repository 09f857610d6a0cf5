import type { Clock } from "../../../lib/clock.ts";
import { bucketOf } from "../../../model/bucket.ts";
import { type Entry, isDead, newestOf, type ShadowEntry } from "../../../model/entry.ts";
import { type IdempotencyRecords, recall } from "../../../model/idempotency.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import { mintedEntry } from "../../../model/minted-entry.ts";
import type { Version } from "../../../model/version.ts";
import type { WriteCommand } from "../../../model/write-command.ts";
import { ABSENT, isMet, standingAt } from "../../../model/write-condition.ts";
import { newestStored } from "../../newest-stored.ts";
import type { OutboxPort } from "../../outbox-port.ts";
import { beginLife } from "../../statement-life.ts";
import {
  type AuthorityWrite,
  type ChangeStamp,
  type CurrentEntry,
  checkWanted,
  type RowGuard,
  type StoreAuthorityPort,
} from "../../store-authority-port.ts";
import type { StorePort } from "../../store-port.ts";
import type { AuthorityCommands } from "./authority-commands.ts";

/** Each attempt after the first has met another writer's newer version of the same key. */
const ATTEMPTS_MAX = 30;

interface Passed {
  readonly outcome: "passed";
  readonly guard?: RowGuard | undefined;
  readonly records?: IdempotencyRecords;
}

type Judged = Passed | Exclude<AuthorityWrite, { readonly outcome: "written" }>;

/**
 * Decides writes where the cache is in-process. A write is two steps: a version is minted in the state
 * document, then one command judges the guard and replaces the row. A row (or event) at that version
 * or above means that another writer came between the two, and the write starts over with a newer
 * version; so whoever is told "written" was the newest at that moment.
 *
 * It writes no events itself, but honours those that were left by processes with a Redis.
 */
export class MongoAuthority implements StoreAuthorityPort {
  readonly hasEventPath = false;
  readonly groupsWrites = false;
  readonly #commands: AuthorityCommands;
  readonly #store: Pick<StorePort, "get">;
  readonly #outbox: Pick<OutboxPort, "unprocessedOf">;
  readonly #clock: Clock;

  constructor(options: {
    readonly commands: AuthorityCommands;
    readonly store: Pick<StorePort, "get">;
    readonly outbox: Pick<OutboxPort, "unprocessedOf">;
    readonly clock: Clock;
  }) {
    this.#commands = options.commands;
    this.#store = options.store;
    this.#outbox = options.outbox;
    this.#clock = options.clock;
  }

  async write(
    command: WriteCommand,
    options: {
      readonly to: "shadow" | "outbox";
      readonly guard?: RowGuard;
      readonly onCommitted?: (current: CurrentEntry) => void;
      readonly signal?: AbortSignal;
    },
  ): Promise<AuthorityWrite> {
    if (options.to === "outbox") {
      throw new LockstepError("INVARIANT_BROKEN", "MongoDB as the authority has no event path.");
    }
    let floor: Version | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      checkWanted(options.signal);
      const judged = await this.#judge(command, options.guard);
      if (judged.outcome !== "passed") return judged;
      const result = await this.#attempt(
        command,
        { ...judged, guard: options.guard ?? judged.guard, signal: options.signal },
        floor,
      );
      // What was judged is no longer what stands there; a caller's own guard is the caller's to judge again.
      if (result.outcome === "moved" && options.guard === undefined) continue;
      if (result.outcome !== "overtaken") {
        if (result.outcome === "written") options.onCommitted?.(fromShadow(result.entry));
        return result;
      }
      floor = result.by;
    }
    throw new LockstepError(
      "STORE_UNAVAILABLE",
      `Other writers of the key were faster ${ATTEMPTS_MAX} times; nothing was written.`,
    );
  }

  async current(
    key: string,
    onLoaded?: (current: CurrentEntry | undefined, stamp: ChangeStamp) => void,
  ): Promise<CurrentEntry | undefined> {
    // Events before the row: one that is applied between the two reads is then seen in the row.
    const event = await this.#newestEvent(key);
    const row = await this.#store.get(key);
    const current = newerOf(row, event);
    onLoaded?.(current, undefined);
    return current;
  }

  changeStamp(): ChangeStamp {
    return undefined;
  }

  /** Condition and idempotency, on what stands there now; the guard then sees to it that this still stands. A caller's own guard comes first. */
  async #judge(command: WriteCommand, guard: RowGuard | undefined): Promise<Judged> {
    const { key, condition, idempotencyMark: mark } = command;
    if (condition === undefined && mark === undefined) return { outcome: "passed" };
    const newest = await newestStored({ store: this.#store, outbox: this.#outbox }, key);
    const version = newest?.entry.version ?? null;
    if (guard !== undefined && guard.version !== version) return { outcome: "moved", version };
    const records = newest?.entry.idempotency ?? [];
    const first = mark === undefined ? undefined : recall(records, mark);
    if (first === "other") return { outcome: "reused" };
    if (first !== undefined && newest !== undefined)
      return { outcome: "repeated", version: first.version, from: newest.from };
    const isLive = newest !== undefined && !isDead(newest.entry, this.#clock.nowMs());
    const standing = isLive ? standingAt(newest.entry.version) : ABSENT;
    if (condition !== undefined && !isMet(condition, standing))
      return { outcome: "conflict", standing };
    return { outcome: "passed", guard: { version }, records };
  }

  async #attempt(
    command: WriteCommand,
    {
      guard,
      records = [],
      signal,
    }: Pick<Passed, "guard" | "records"> & { readonly signal: AbortSignal | undefined },
    floor: Version | undefined,
  ): Promise<AuthorityWrite | { readonly outcome: "overtaken"; readonly by: Version }> {
    const life = beginLife(this.#clock);
    const [version, event] = await Promise.all([
      this.#commands.mint(bucketOf(command.key), floor),
      this.#newestEvent(command.key),
    ]);
    checkWanted(signal);
    const nowMs = this.#clock.nowMs();
    const entry = mintedEntry(command, version, nowMs, records);
    const judged = await this.#commands.writeRow({ entry, guard, event, nowMs }, life);
    return judged.outcome === "written" ? { ...judged, entry } : judged;
  }

  async #newestEvent(key: string): Promise<Entry | undefined> {
    const events = (await this.#outbox.unprocessedOf([key])).get(key) ?? [];
    return newestOf(events.map((event) => event.entry));
  }
}

function newerOf(row: ShadowEntry | undefined, event: Entry | undefined): CurrentEntry | undefined {
  if (event !== undefined && (row === undefined || event.version > row.version)) {
    return { entry: event, from: "outbox", stamp: undefined };
  }
  return row === undefined ? undefined : fromShadow(entryIn(row));
}

function fromShadow(entry: Entry): CurrentEntry {
  return { entry, from: "shadow", stamp: undefined };
}

/** The row's entry, without how it came there. */
function entryIn({ syncMethod: _method, syncedAtMs: _at, ...entry }: ShadowEntry): Entry {
  return entry;
}
