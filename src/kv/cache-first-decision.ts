import type { CacheAuthorityPort, CacheWrite } from "../cache/cache-authority-port.ts";
import type { CacheObservation } from "../cache/cache-port.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Random } from "../lib/random.ts";
import { isDead, isExpired } from "../model/entry.ts";
import { recall } from "../model/idempotency.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { WriteCommand } from "../model/write-command.ts";
import { ABSENT, isMet, type Standing, standingAt, UNVERSIONED } from "../model/write-condition.ts";
import { type NewestStored, newestStored } from "../store/newest-stored.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { StoreCircuit } from "../sync/store-circuit.ts";
import type { CacheCircuit } from "./cache-circuit.ts";
import { refused } from "./refused.ts";

/** Each attempt after the first has met a write of the same key between its look and its own write. */
const ATTEMPTS_MAX = 10;

/** The longest pause between two attempts; each is of a random part of its length, so that processes get out of each other's way. */
const PAUSE_MAX_MS = 200;

export interface CacheFirstDecisionParts {
  readonly cache: CacheAuthorityPort;
  readonly cacheCircuit: CacheCircuit;
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly circuit: StoreCircuit;
  readonly clock: Clock;
  readonly random: Random;
  /** How long the store may take to answer a look, milliseconds. */
  readonly storeLimitMs: number;
}

export type Decision =
  | Extract<CacheWrite, { readonly outcome: "written" | "repeated" }>
  /** The first write with this idempotency key is in the store already. */
  | {
      readonly outcome: "stored";
      readonly version: Version;
      readonly durable: NewestStored["from"];
    };

/**
 * The step that decides a write. Redis judges condition and idempotency where it holds enough of the key. Where it does
 * not, the judgement is made here, on what the store has, and stands only if no one has written since: the fill lease
 * is taken before the look, every write voids it, and the write requires it.
 */
export class CacheFirstDecision {
  readonly #parts: CacheFirstDecisionParts;
  /** The last one of this process to judge a key here, so that those of one process do not void each other's lease. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(parts: CacheFirstDecisionParts) {
    this.#parts = parts;
  }

  /** Errors: those of the cache, VERSION_CONFLICT, IDEMPOTENCY_KEY_REUSED, STORE_UNAVAILABLE, KEY_IN_MOTION. */
  async decide(command: WriteCommand): Promise<Decision> {
    const decided = await this.#decideInCache(command);
    if (decided !== "cold") return decided;
    return this.#inTurn(command.key, (isFirst) => this.#decideHere(command, isFirst));
  }

  async #decideInCache(command: WriteCommand): Promise<Decision | "cold"> {
    const { cache, cacheCircuit } = this.#parts;
    const written = await cacheCircuit.call(() => cache.write(command));
    switch (written.outcome) {
      case "written":
      case "repeated":
        return written;
      case "cold":
        return "cold";
      case "conflict":
      case "reused":
        throw refused(command, written);
      case "moved":
        throw new TypeError("An unguarded write cannot have moved.");
    }
  }

  async #decideHere(command: WriteCommand, isFirst: boolean): Promise<Decision> {
    const { clock, random } = this.#parts;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      if (attempt > 1)
        await clock.sleep(random.fraction() * Math.min(5 * 2 ** attempt, PAUSE_MAX_MS));
      // Whoever came before may have made it something that the cache can judge.
      const isKnownCold = isFirst && attempt === 1;
      const decided = isKnownCold ? "cold" : await this.#decideInCache(command);
      if (decided !== "cold") return decided;
      const decidedCold = await this.#decideCold(command);
      if (decidedCold !== "moved") return decidedCold;
    }
    throw new LockstepError(
      "KEY_IN_MOTION",
      `Other writers of ${JSON.stringify(command.key)} were faster ${ATTEMPTS_MAX} times; nothing was written.`,
      {
        hint: "Call again; with the same condition and idempotencyKey it is as if for the first time.",
      },
    );
  }

  /** One after the other for each key. Only to save work: whoever waits too long goes on at once. */
  async #inTurn<T>(key: string, judge: (isFirst: boolean) => Promise<T>): Promise<T> {
    const { clock, storeLimitMs } = this.#parts;
    const before = this.#turns.get(key);
    const turn = (
      before === undefined ? Promise.resolve() : within(clock, storeLimitMs, before)
    ).then(() => judge(before === undefined));
    this.#turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }

  async #decideCold(command: WriteCommand): Promise<Decision | "moved"> {
    const { cache } = this.#parts;
    const { key, idempotencyMark: mark } = command;
    // A reader that finds nothing to fill keeps the lease until it runs out, so it is taken over and not waited for.
    const token = await cache.takeLease(key, { fromHolder: true });
    if (token === undefined) throw new LockstepError("OVERLOADED", "Redis is full.");
    const [seen] = (await cache.observe([key])) as [CacheObservation];
    const stored = await this.#newest(key);

    const cached = seen.meta?.idempotency;
    const records = cached ?? stored?.entry.idempotency ?? [];
    const first = mark === undefined ? undefined : recall(records, mark);
    // It came after the cache had said that it does not know: the cache can judge it now.
    if (first !== undefined && cached !== undefined) return "moved";
    if (first === "other") throw refused(command, { outcome: "reused" });
    if (first !== undefined && stored !== undefined) {
      if ((await this.#dropOlder(seen, stored)) === "moved") return "moved";
      return { outcome: "stored", version: first.version, durable: stored.from };
    }

    const { condition, ...unconditional } = command;
    if (condition !== undefined) {
      const standing = await this.#standing(seen, stored);
      if (!isMet(condition, standing)) throw refused(command, { outcome: "conflict", standing });
    }
    const guard = { seen, token, idempotency: records };
    const written = await cache.write(unconditional, guard);
    return written.outcome === "written" ? written : "moved";
  }

  /**
   * The first write may have landed after Redis had lost it, and the cache have heard nothing yet. Whoever is told of it
   * now must not read an older copy afterwards.
   */
  async #dropOlder(
    seen: CacheObservation,
    { entry: { key, version }, from }: NewestStored,
  ): Promise<"done" | "moved"> {
    const { cache } = this.#parts;
    if (seen.value === undefined && seen.meta === undefined) return "done";
    if (seen.meta !== undefined && seen.meta.version >= version) return "done";
    if (cache.policy?.pinned === false) await cache.settle(key, version);
    else if (from === "shadow") await cache.acknowledge([{ key, version }]);
    else if (seen.meta !== undefined && (await cache.drop(seen, "copy_and_marker")) === "moved")
      return "moved";
    return "done";
  }

  /** What a reader would be told of the key. */
  async #standing(
    { key, meta, value, markerSeq, nowMs }: CacheObservation,
    stored: NewestStored | undefined,
  ): Promise<Standing> {
    if (meta?.tombstone === true) return ABSENT;
    if (meta !== undefined && isExpired(meta.expiresAtMs, nowMs)) return ABSENT;
    if (value !== undefined && meta !== undefined) return standingAt(meta.version);
    const living = stored === undefined || isDead(stored.entry, nowMs) ? undefined : stored.entry;
    if (value !== undefined) {
      const isKnown = markerSeq === undefined && living?.value === value.text;
      return isKnown ? standingAt(living.version) : UNVERSIONED;
    }
    const wasRemoved =
      meta !== undefined &&
      (markerSeq !== undefined || (await this.#parts.cache.provesRemoval(key, meta.version)));
    return wasRemoved || living === undefined ? ABSENT : standingAt(living.version);
  }

  async #newest(key: string): Promise<NewestStored | undefined> {
    const { circuit, clock, storeLimitMs } = this.#parts;
    const looked = await circuit.run(() =>
      within(clock, storeLimitMs, newestStored(this.#parts, key)),
    );
    switch (looked.outcome) {
      case "done":
        return looked.value;
      case "failed":
        throw looked.error;
      case "timed_out":
        throw new LockstepError(
          "STORE_UNAVAILABLE",
          `The store, which knows what the cache does not hold, did not answer within ${storeLimitMs} ms.`,
        );
    }
  }
}
