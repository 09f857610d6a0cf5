import type { CacheObservation } from "../cache/cache-port.ts";
import { contentHash } from "../model/content-hash.ts";
import { isDead, type ShadowEntry } from "../model/entry.ts";
import { checkKey } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { StatementLife } from "../store/statement-life.ts";
import type { CopyClass, Look } from "./classify.ts";
import type { Looker } from "./looker.ts";
import { planRepair, type RepairAction, type RepairStrategy, storedEntry } from "./plan-repair.ts";
import type { RepairSteps, StepOutcome } from "./repair-port.ts";

/** One side-by-side picture of a key. */
export interface CopiesReport {
  readonly copyClass: CopyClass;
  readonly cached: CacheObservation;
  readonly shadow: ShadowEntry | undefined;
}

export interface RepairReport {
  readonly key: string;
  readonly action: RepairAction;
  readonly cause: string;
  readonly before: CopiesReport;
  /** What is there now; null for a dry run. */
  readonly after: CopiesReport | null;
  /** The write that would restore what a removal took away; null where nothing was taken. */
  readonly undo: { readonly value: string; readonly ttlMs: number | null } | null;
}

/** A value may still be changing under the residency or data TTL that we set: deadlines this close are the same, milliseconds. */
const SAME_DEADLINE_MS = 5;

/** Mends one key: looks, plans, does the one step, looks again. */
export class Repairer {
  readonly #looker: Looker;
  readonly #steps: RepairSteps;
  readonly #keyMaxBytes: number;

  constructor(looker: Looker, steps: RepairSteps, keyMaxBytes: number) {
    this.#looker = looker;
    this.#steps = steps;
    this.#keyMaxBytes = keyMaxBytes;
  }

  /** Errors: KEY_IN_MOTION (a write came between; it stands), INPUT_INVALID, KEY_RESERVED, and those of the ports. */
  async repair(
    key: string,
    { strategy, dryRun }: { readonly strategy: RepairStrategy; readonly dryRun: boolean },
  ): Promise<RepairReport> {
    checkKey(key, this.#keyMaxBytes);
    const { look, verdict, life } = await this.#looker.inspect(key);
    const { action, why } = planRepair(look, verdict.copyClass, strategy);
    const before = { copyClass: verdict.copyClass, cached: look.cache, shadow: look.shadow };
    const report = { key, action, cause: why ?? verdict.cause, before, undo: undoOf(look, action) };
    if (dryRun) return { ...report, after: null };

    if ((await this.#step(look, action, life)) === "moved") {
      throw new LockstepError(
        "KEY_IN_MOTION",
        `The key ${JSON.stringify(key)} changed before it could be repaired.`,
      );
    }
    const now = await this.#looker.inspect(key);
    return {
      ...report,
      after: { copyClass: now.verdict.copyClass, cached: now.look.cache, shadow: now.look.shadow },
    };
  }

  async #step(look: Look, action: RepairAction, life: StatementLife): Promise<StepOutcome> {
    const { shadow } = look;
    switch (action) {
      case "none":
        return "done";
      case "sync_now":
        return this.#steps.syncNow(look, life);
      case "follow_cache":
        return (await this.#steps.rewrite(look, cachedCommand(look), life)).outcome;
      case "follow_store":
        return (await this.#steps.rewrite(look, storedCommand(look), life)).outcome;
      case "remove":
        return (await this.#steps.rewrite(look, removal(look), life)).outcome;
      case "project":
        return this.#steps.project(look, life);
      case "drop_copy":
        return this.#steps.dropCopy(look);
      case "drop_marker":
        return this.#steps.dropMarker(look);
      case "stamp":
        return shadow === undefined ? "moved" : this.#steps.stamp(look, shadow);
      case "warm":
        return shadow === undefined ? "moved" : this.#steps.warm(look, shadow);
    }
  }
}

function idsOf({ cache, shadow }: Look) {
  return {
    sessionId: cache.meta?.sessionId ?? shadow?.sessionId ?? null,
    interactionId: cache.meta?.interactionId ?? shadow?.interactionId ?? null,
  };
}

function cachedCommand(look: Look): WriteCommand {
  const { key, value } = look.cache;
  if (value === undefined) throw new TypeError("Only a key with a cached value follows the cache.");
  if (!value.isText) {
    throw new LockstepError(
      "VALUE_NOT_TEXT",
      `The value of ${JSON.stringify(key)} is not UTF-8 text and cannot be adopted.`,
    );
  }
  return {
    op: "set",
    key,
    value: value.text,
    hash: value.hash,
    ttlMs: dataTtlMs(look.cache),
    ...idsOf(look),
  };
}

/**
 * The TTL that belongs to the value. One that the other program set is adopted; one that we set ourselves (value and
 * meta run out together) may be mere residency, so meta's own deadline counts.
 */
function dataTtlMs({ ttlMs, metaTtlMs, meta, nowMs }: CacheObservation): number | null {
  const ours = meta !== undefined && sameDeadline(ttlMs, metaTtlMs);
  if (!ours) return ttlMs;
  return meta.expiresAtMs === null ? null : Math.max(1, meta.expiresAtMs - nowMs);
}

function sameDeadline(ttlMs: number | null, metaTtlMs: number | null): boolean {
  if (ttlMs === null || metaTtlMs === null) return ttlMs === metaTtlMs;
  return Math.abs(ttlMs - metaTtlMs) <= SAME_DEADLINE_MS;
}

function storedCommand(look: Look): WriteCommand {
  const stored = storedEntry(look);
  if (stored === undefined || stored.value === null) return removal(look);
  const { key, value, expiresAtMs, sessionId, interactionId } = stored;
  const ttlMs = expiresAtMs === null ? null : Math.max(1, expiresAtMs - look.cache.nowMs);
  // The stored hash may be the very thing that is wrong; the value is what the caller chose to believe.
  return { op: "set", key, value, hash: contentHash(value), ttlMs, sessionId, interactionId };
}

function removal(look: Look): WriteCommand {
  return { op: "delete", key: look.cache.key, ...idsOf(look) };
}

/** What a removal or an overwriting takes away from the losing side, as the write that would bring it back. */
function undoOf(look: Look, action: RepairAction): RepairReport["undo"] {
  const { cache } = look;
  const newest = storedEntry(look);
  const remaining = (expiresAtMs: number | null) =>
    expiresAtMs === null ? null : Math.max(1, expiresAtMs - cache.nowMs);
  const stored =
    newest === undefined || newest.value === null || isDead(newest, cache.nowMs)
      ? null
      : { value: newest.value, ttlMs: remaining(newest.expiresAtMs) };
  const cached =
    cache.value === undefined || !cache.value.isText
      ? null
      : { value: cache.value.text, ttlMs: dataTtlMs(cache) };
  switch (action) {
    case "follow_cache":
      return stored?.value === cached?.value ? null : stored;
    case "remove":
      return stored ?? cached;
    case "follow_store":
    case "drop_copy":
      return stored?.value === cached?.value ? null : cached;
    case "none":
    case "sync_now":
    case "project":
    case "drop_marker":
    case "stamp":
    case "warm":
      return null;
  }
}
