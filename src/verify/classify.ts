import type { CacheContents, CacheDigest, CacheObservation } from "../cache/cache-port.ts";
import { shortHash } from "../model/content-hash.ts";
import {
  isExpired,
  matchesOwnHash,
  NOT_TEXT,
  type ShadowContents,
  type ShadowDigest,
  type ShadowEntry,
} from "../model/entry.ts";
import { seqOf, type Version } from "../model/version.ts";
import type { OutboxEvent } from "../store/outbox-port.ts";

/** Whether each class is an issue: a difference that ordinary traffic does not explain. */
export const CLASSES = {
  ok: false,
  pending: false,
  overdue: true,
  missing: true,
  stale: true,
  diverged: true,
  lost: true,
  corrupt: true,
  changed_outside: true,
  removed_outside: true,
  unmanaged: false,
  cold: false,
  deleted: false,
  expired: false,
  absent: false,
} as const satisfies Record<string, boolean>;

export type CopyClass = keyof typeof CLASSES;

export function isIssue(copyClass: CopyClass): boolean {
  return CLASSES[copyClass];
}

/** All that is known of one key: an atomic look at the cache, then the events, then the shadow, in this order. */
export interface Look {
  readonly cache: CacheObservation;
  readonly events: readonly OutboxEvent[];
  readonly shadow: ShadowEntry | undefined;
  /** Nothing was ever evicted here and this run wrote the meta: a value that is gone was removed by someone. */
  readonly removalProven: boolean;
}

export interface Verdict {
  readonly copyClass: CopyClass;
  /** One sentence for people: what was seen that makes it so. */
  readonly cause: string;
}

/** As much of a {@link Look} as decides. */
export interface ContentsLook {
  readonly cache: CacheContents;
  readonly events: readonly OutboxEvent[];
  readonly shadow: ShadowContents | undefined;
  readonly removalProven: boolean;
}

/** As {@link Look}, where neither value was looked at. */
export interface DigestLook {
  readonly cache: CacheDigest;
  readonly events: readonly OutboxEvent[];
  readonly shadow: ShadowDigest | undefined;
  readonly removalProven: boolean;
}

/** What decides, whether it was told by the values or by what stands beside them. */
interface Facts extends Pick<CacheContents, "foreignType" | "meta" | "markerSeq" | "nowMs"> {
  readonly events: readonly OutboxEvent[];
  readonly removalProven: boolean;
  readonly hasValue: boolean;
  /** Whether the cached value is the one that its meta speaks of; asked only where there are both. */
  readonly matchesMeta: boolean;
  readonly shadow: ShadowFacts | undefined;
}

interface ShadowFacts {
  readonly version: Version;
  readonly expiresAtMs: number | null;
  readonly isTombstone: boolean;
  /** Whether the stored value matches the hash beside it. */
  readonly isSound: () => boolean;
  /** Whether the cached value is the one that the store's hash speaks of. */
  readonly isCached: () => boolean;
}

/**
 * Names the relation of a key's two copies. Total: every look has a class. The order of the questions is the order of
 * the table in docs/ARCHITECTURE.md, and the first that matches decides.
 */
export function classify(look: ContentsLook, syncObjectiveMs: number): Verdict {
  return classifyFacts(factsOf(look), syncObjectiveMs);
}

/**
 * The same by digests. What only the values could tell is taken on trust, so a key that is in step here may still have
 * drifted; and a value without meta, which has no digest, never agrees here. An issue wants a {@link classify} of its own.
 */
export function classifyDigests(look: DigestLook, syncObjectiveMs: number): Verdict {
  return classifyFacts(factsOfDigests(look), syncObjectiveMs);
}

function factsOf({ cache, events, shadow, removalProven }: ContentsLook): Facts {
  const { value, foreignType, meta, markerSeq, nowMs } = cache;
  return {
    foreignType,
    meta,
    markerSeq,
    nowMs,
    events,
    removalProven,
    hasValue: value !== undefined,
    matchesMeta:
      meta?.tombstone === false && value !== undefined && shortHash(value.hash) === meta.shortHash,
    shadow: shadow && {
      version: shadow.version,
      expiresAtMs: shadow.expiresAtMs,
      isTombstone: shadow.value === null,
      // Two equal values are hashed once.
      isSound: () =>
        value?.isText === true && value.text === shadow.value
          ? value.hash === shadow.hash
          : matchesOwnHash(shadow),
      isCached: () => value?.hash === shadow.hash,
    },
  };
}

function factsOfDigests({ cache, events, shadow, removalProven }: DigestLook): Facts {
  const { valueBytes, foreignType, meta, markerSeq, nowMs } = cache;
  return {
    foreignType,
    meta,
    markerSeq,
    nowMs,
    events,
    removalProven,
    hasValue: valueBytes !== undefined,
    matchesMeta: meta?.tombstone === false,
    shadow: shadow && {
      version: shadow.version,
      expiresAtMs: shadow.expiresAtMs,
      isTombstone: shadow.valueBytes === null,
      isSound: () => shadow.valueBytes !== NOT_TEXT,
      isCached: () =>
        valueBytes !== undefined &&
        valueBytes === shadow.valueBytes &&
        meta?.shortHash === shortHash(shadow.hash),
    },
  };
}

function classifyFacts(facts: Facts, syncObjectiveMs: number): Verdict {
  return (
    classifyForeignType(facts) ?? classifyUnsynced(facts, syncObjectiveMs) ?? classifySettled(facts)
  );
}

function classifyForeignType(facts: Facts): Verdict | undefined {
  const { foreignType, meta, markerSeq, events, shadow } = facts;
  if (foreignType === undefined) return undefined;
  const ours =
    meta !== undefined || markerSeq !== undefined || events.length > 0 || shadow !== undefined;
  return ours
    ? verdict("changed_outside", `Another program put a Redis ${foreignType} where our key was.`)
    : verdict("unmanaged", `The key holds a Redis ${foreignType} of another program.`);
}

/** Questions in which a marker, an event or a foreign hand at the value decides. */
function classifyUnsynced(facts: Facts, syncObjectiveMs: number): Verdict | undefined {
  const { hasValue, matchesMeta, meta, markerSeq, nowMs, events, shadow } = facts;
  const marked = markerSeq !== undefined;
  const mismatch = hasValue && meta !== undefined && !matchesMeta;
  if (mismatch || (hasValue && marked && meta === undefined)) {
    return shadow !== undefined && !shadow.isSound()
      ? verdict(
          "corrupt",
          "The cached value is not the one that was written, and the stored one does not match its hash.",
        )
      : verdict(
          "changed_outside",
          "The value in the cache is not the one that was written through this server.",
        );
  }
  if (marked && meta?.tombstone === false && !hasValue) {
    return verdict(
      "removed_outside",
      "A write that the store does not have yet was removed from the cache by another hand.",
    );
  }
  if (events.length > 0 || (marked && meta !== undefined)) {
    const ageMs = nowMs - sinceMs(markerSeq, events, shadow);
    return ageMs > syncObjectiveMs
      ? verdict(
          "overdue",
          `The store has been waiting for this key's last write for ${Math.round(ageMs)} ms.`,
        )
      : verdict("pending", "The last write is on its way to the store.");
  }
  return marked
    ? verdict("lost", "The cache marks a write as pending that it no longer holds.")
    : undefined;
}

/** From here on there is no marker and no event: what is seen is meant to be in agreement. */
function classifySettled({ hasValue, meta, nowMs, shadow, removalProven }: Facts): Verdict {
  if (meta === undefined) {
    return hasValue ? classifyWithoutMeta(shadow, nowMs) : classifyUncached(shadow, nowMs);
  }
  const metaDead = meta.tombstone || isExpired(meta.expiresAtMs, nowMs);
  if (metaDead && shadow === undefined) {
    return verdict(
      meta.tombstone ? "deleted" : "expired",
      "The cache remembers the end of a key that the store has forgotten.",
    );
  }
  if (shadow !== undefined && shadow.version > meta.version) {
    return verdict("stale", "The store has a newer write than the cache.");
  }
  const shadowIsOlder = shadow === undefined || shadow.version < meta.version;
  if (!metaDead && !hasValue) {
    if (shadowIsOlder)
      return verdict("lost", "The cache remembers a write whose value neither side holds.");
    if (!shadow.isSound()) return verdict("corrupt", "The stored value does not match its hash.");
    if (isDeadRow(shadow, nowMs))
      return verdict("diverged", "The same version is alive in the cache and dead in the store.");
    return removalProven
      ? verdict(
          "removed_outside",
          "The value was removed from the cache by another hand; nothing is ever evicted here.",
        )
      : verdict("cold", "The value is only in the store; the next read brings it back.");
  }
  if (shadowIsOlder)
    return verdict(
      "missing",
      "The cache holds a write that the store does not have, and nothing is on its way.",
    );
  if (metaDead && isDeadRow(shadow, nowMs)) {
    return verdict(
      shadow.isTombstone ? "deleted" : "expired",
      "Both sides agree that the key is gone.",
    );
  }
  const agrees = shadow.isSound() && shadow.isCached() && meta.expiresAtMs === shadow.expiresAtMs;
  return agrees
    ? verdict("ok", "Both sides hold the same write.")
    : verdict("diverged", "Both sides hold the same version with different contents.");
}

function classifyWithoutMeta(shadow: ShadowFacts | undefined, nowMs: number): Verdict {
  if (shadow === undefined)
    return verdict(
      "unmanaged",
      "Another program put this value into the cache; the store knows nothing of it.",
    );
  if (!isDeadRow(shadow, nowMs) && shadow.isCached() && shadow.isSound()) {
    return verdict("ok", "Both sides hold the same value; the cache has forgotten its version.");
  }
  return verdict(
    "changed_outside",
    "The value in the cache was not written through this server and differs from the stored one.",
  );
}

function classifyUncached(shadow: ShadowFacts | undefined, nowMs: number): Verdict {
  if (shadow === undefined) return verdict("absent", "Neither side knows the key.");
  if (!shadow.isSound()) return verdict("corrupt", "The stored value does not match its hash.");
  if (!isDeadRow(shadow, nowMs))
    return verdict("cold", "The value is only in the store; the next read brings it back.");
  return verdict(
    shadow.isTombstone ? "deleted" : "expired",
    "The store remembers the end of the key.",
  );
}

function isDeadRow({ isTombstone, expiresAtMs }: ShadowFacts, nowMs: number): boolean {
  return isTombstone || isExpired(expiresAtMs, nowMs);
}

/** Since when the store has been behind, ms since 1970: the later of marker and shadow, without a marker the oldest event. */
function sinceMs(
  markerSeq: number | undefined,
  events: readonly OutboxEvent[],
  shadow: Pick<ShadowFacts, "version"> | undefined,
): number {
  const shadowSeq = shadow === undefined ? 0 : seqOf(shadow.version) + 1;
  if (markerSeq !== undefined) return Math.max(markerSeq, shadowSeq) / 1000;
  return Math.min(...events.map((event) => seqOf(event.entry.version))) / 1000;
}

function verdict(copyClass: CopyClass, cause: string): Verdict {
  return { copyClass, cause };
}
