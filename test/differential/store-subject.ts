import { contentHash, SHORT_HASH_HEX } from "../../src/model/content-hash.ts";
import type { Entry } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { FIRST_EPOCH, formatVersion, type Version, writtenAtMs } from "../../src/model/version.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import type { AuthorityWrite, RowGuard } from "../../src/store/store-authority-port.ts";
import { deleteOf, ifAbsent, ifVersion, setOf, withId } from "../contract/commands.ts";
import { entryOf, WRITTEN_MS } from "../contract/entries.ts";
import type { StoreConnection } from "../contract/store-harness.ts";
import type { Subject } from "./compare-streams.ts";
import { PlainWords } from "./plain-words.ts";
import {
  type CommandPlan,
  type EntryPlan,
  type EventPlan,
  KEYS,
  type Key,
  type SpanPlan,
  type StandingPlan,
  type StoreStep,
  WRITTEN_ELSEWHERE,
} from "./store-stream.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Spans that no stream outlives, and one that it waits for. */
const SPANS: Readonly<Record<SpanPlan, number>> = { long: HOUR_MS, short: 5, nothing: 0 };

/** Ids that no event ever had, in either store's form. */
const UNKNOWN_IDS = ["999999999", "f".repeat(24), "no id"];

const MADE = { atMs: WRITTEN_MS, by: "$somebody" };

export interface OpenedStore extends Omit<StoreConnection, "close"> {
  readonly nowMs: () => number;
  readonly elapse: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A store of any kind. */
export class StoreSubject implements Subject<StoreStep> {
  readonly name: string;
  readonly #opened: OpenedStore;
  readonly #startMs: number;
  readonly #words: PlainWords;
  readonly #written = new Map<Key, Entry>();
  /** Every event that was ever seen, in the order of appending. */
  readonly #ids: string[] = [];

  constructor(name: string, opened: OpenedStore) {
    this.name = name;
    this.#opened = opened;
    this.#startMs = opened.nowMs();
    this.#words = new PlainWords(this.#startMs);
  }

  async take(step: StoreStep): Promise<unknown> {
    const told = await this.#told(step);
    // What is next minted or appended is to be later by any clock that counts milliseconds.
    await this.#lapse(1);
    const seen = await this.#picture();
    return this.#words.of({ told: this.#withoutIds(told), seen: this.#withoutIds(seen) });
  }

  close(): Promise<void> {
    return this.#opened.close();
  }

  async #told(step: StoreStep): Promise<unknown> {
    try {
      return await this.#do(step);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      return { code: error.code };
    }
  }

  async #do(step: StoreStep): Promise<unknown> {
    const { store, outbox, settings } = this.#opened;
    switch (step.do) {
      case "apply":
        return this.#inKeyOrder(await store.applyNewer(this.#entries(step.entries), step.method));
      case "append":
        await outbox.append(this.#entries(step.entries));
        return this.#learnIds();
      case "claim": {
        const { owner, limit, lease } = step;
        const claimed = await outbox.claim({ owner, limit, leaseMs: SPANS[lease] });
        await this.#lapse(lease === "short" ? SPANS.short : 0);
        return claimed;
      }
      case "mark processed":
        return outbox.markProcessed(this.#idsOf(step.events));
      case "release":
        await outbox.release(this.#idsOf(step.events), SPANS[step.rest], step.why);
        return this.#lapse(step.rest === "short" ? SPANS.short : 0);
      case "park":
        return outbox.park(this.#idsOf(step.events), step.cause);
      case "replay":
        return outbox.replay({
          limit: step.limit,
          ...(step.events === undefined ? {} : { ids: this.#idsOf(step.events) }),
        });
      case "list dead letters":
        return this.#deadLetters(step.limit);
      case "change settings":
        return settings.change(step.change, MADE);
      case "write":
        return this.#write(step.command, step.guard);
      case "scan":
        return store.scan({
          limit: step.limit,
          ...(step.afterKey === undefined ? {} : { afterKey: step.afterKey }),
          ...(step.prefix === undefined ? {} : { prefix: step.prefix }),
        });
      case "find stale": {
        const { before, prefix, limit } = step;
        const beforeMs =
          before === null ? this.#startMs + HOUR_MS : writtenAtMs(versionOf("one", before));
        return store.staleEntries({ beforeMs, limit, ...(prefix === undefined ? {} : { prefix }) });
      }
      case "lease a job": {
        const { name, owner, lease } = step;
        const isTaken = await store.acquireLease(name, owner, SPANS[lease]);
        await this.#lapse(lease === "short" ? SPANS.short : 0);
        return isTaken;
      }
    }
  }

  async #write(plan: CommandPlan, guard: StandingPlan | undefined): Promise<unknown> {
    const { authority } = this.#opened;
    const { key } = plan;
    const newest = (await authority.current(key))?.entry.version;
    const options = guard === undefined ? {} : { guard: this.#guard(guard, newest) };
    const written = await authority.write(this.#command(plan, newest), {
      to: "shadow",
      ...options,
    });
    if (written.outcome === "written") {
      this.#words.minted(written.entry.version);
      // As the row has it: an answer need not know of the records that a write has left alone.
      const current = await authority.current(key);
      if (current !== undefined) this.#written.set(key, current.entry);
    }
    await this.#lapse(plan.life === "lapses" ? SPANS.short : 0);
    return { written: withoutOthersRecords(plan, written), current: await authority.current(key) };
  }

  /** All that can be asked without changing anything. */
  async #picture() {
    const { store, outbox, settings } = this.#opened;
    return {
      rows: this.#inKeyOrder(await store.getMany(KEYS)),
      row: await store.get(KEYS[0]),
      events: this.#inKeyOrder(await outbox.unprocessedOf(KEYS)),
      unprocessed: await outbox.countUnprocessed(),
      dead: await outbox.countDead(),
      settings: await settings.read(),
    };
  }

  async #deadLetters(limit: number): Promise<unknown> {
    const pages: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#opened.outbox.deadLetters({
        limit,
        ...(cursor === undefined ? {} : { cursor }),
      });
      pages.push(page.letters.map((letter) => ({ ...letter, sinceMs: letter.sinceMs !== null })));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return pages;
  }

  #command(plan: CommandPlan, newest: Version | undefined): WriteCommand {
    const { key, value, life, writer, condition, idempotencyKey } = plan;
    const ttlMs = { "for ever": null, minutes: 5 * MINUTE_MS, lapses: SPANS.short }[life];
    const ids = { key, sessionId: writer, interactionId: writer };
    const bare = value === null ? deleteOf(ids) : setOf({ ...ids, value, ttlMs });
    const conditional =
      condition === undefined
        ? bare
        : condition === "none"
          ? ifAbsent(bare)
          : ifVersion(this.#standing(condition, newest), bare);
    if (idempotencyKey === undefined) return conditional;
    // The mark covers the version that a condition names, which is another one in each store.
    const { idempotencyMark } = withId(idempotencyKey, bare);
    return { ...conditional, ...(idempotencyMark === undefined ? {} : { idempotencyMark }) };
  }

  #guard(plan: StandingPlan, newest: Version | undefined): RowGuard {
    return { version: plan === "none" ? null : this.#standing(plan, newest) };
  }

  #standing(plan: "newest" | "other", newest: Version | undefined): Version {
    return (plan === "newest" ? newest : undefined) ?? formatVersion(FIRST_EPOCH, 1);
  }

  #entries(plans: readonly EntryPlan[]): readonly Entry[] {
    return plans.map(({ key, number }) =>
      number === null ? (this.#written.get(key) ?? entryNo(key, 0)) : entryNo(key, number),
    );
  }

  #idsOf(plans: readonly EventPlan[]): readonly string[] {
    const known = plans.map(({ back }) => this.#ids.at(-1 - back));
    return known.flatMap((id) => id ?? UNKNOWN_IDS);
  }

  /** Events have no name before they are seen; those of one append are told apart by key, version and place. */
  async #learnIds(): Promise<void> {
    const events = await this.#opened.outbox.unprocessedOf(KEYS);
    for (const key of KEYS) {
      for (const { id } of events.get(key) ?? []) if (!this.#ids.includes(id)) this.#ids.push(id);
    }
  }

  #withoutIds(value: unknown): unknown {
    if (value instanceof Map)
      return new Map([...value].map(([key, held]) => [key, this.#withoutIds(held)]));
    if (Array.isArray(value)) return value.map((one) => this.#withoutIds(one));
    if (typeof value !== "object" || value === null) return value;
    const fields = Object.entries(value).map(([name, held]: [string, unknown]) => [
      name,
      name === "id" && typeof held === "string"
        ? `event ${this.#ids.indexOf(held) + 1}`
        : this.#withoutIds(held),
    ]);
    return Object.fromEntries(fields);
  }

  #inKeyOrder<T>(found: ReadonlyMap<string, T>): Readonly<Record<string, T>> {
    return Object.fromEntries([...found].toSorted(([one], [other]) => (one < other ? -1 : 1)));
  }

  /** Until whatever was given so long has ended by every clock. */
  async #lapse(ms: number): Promise<void> {
    if (ms === 0) return;
    const endMs = this.#opened.nowMs() + ms + 2;
    while (this.#opened.nowMs() < endMs) await this.#opened.elapse(1);
  }
}

/** A write that needs no records need not know of them: what becomes of them is to be seen in the row. */
function withoutOthersRecords(plan: CommandPlan, written: AuthorityWrite): AuthorityWrite {
  if (plan.idempotencyKey !== undefined || written.outcome !== "written") return written;
  const { idempotency: _records, ...entry } = written.entry;
  return { ...written, entry };
}

/** The same for all stores: versions that come from elsewhere, and deadlines that are far from any of today's clocks. */
function entryNo(key: Key, number: number): Entry {
  const version = versionOf(key, number);
  const value = number % 5 === 4 ? null : `${key} ${number}`;
  const writer = number % 2 === 0 ? null : `writer ${number}`;
  return entryOf({
    key,
    version,
    value,
    expiresAtMs: value === null ? null : deadlineOf(number),
    sessionId: writer,
    interactionId: writer,
    ...(number % 3 === 0 && WRITTEN_ELSEWHERE.includes(key)
      ? { idempotency: [recordOf(key, number, version)] }
      : {}),
  });
}

function deadlineOf(number: number): number | null {
  if (number % 7 === 1) return Date.UTC(2100, 0, 1);
  return number % 7 === 2 ? Date.UTC(2020, 0, 1) : null;
}

function recordOf(key: Key, number: number, version: Version) {
  const hashOf = (what: string) => contentHash(what).slice(0, SHORT_HASH_HEX);
  return {
    keyHash: hashOf(`call ${number % 6}`),
    argumentsHash: hashOf(`${key} ${number}`),
    version,
  };
}

/** No two of one millisecond, so that the order of writing is the same for stores that count in these. */
function versionOf(key: Key, number: number): Version {
  const ms = number * 10 + KEYS.indexOf(key);
  return formatVersion(FIRST_EPOCH, (WRITTEN_MS + ms) * 1000);
}
