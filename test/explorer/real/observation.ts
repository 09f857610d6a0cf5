/** The model's key in the words of the production code, so that its pure decisions can be asked. */
import type { CacheObservation } from "../../../src/cache/cache-port.ts";
import { contentHash, shortHash } from "../../../src/model/content-hash.ts";
import type { ShadowEntry } from "../../../src/model/entry.ts";
import { formatVersion } from "../../../src/model/version.ts";
import type { OutboxEvent } from "../../../src/store/outbox-port.ts";
import type { Seen } from "../servers/redis.ts";
import { type Entry, type Event, epochOf, seqOf, type Version } from "../world.ts";

const KEY = "key";
const TICK_MS = 10_000;
/** Between the ticks 0 and 1. */
const ENDS_MS = 15_000;

export function realVersion(version: Version): string {
  return formatVersion(epochOf(version), seqOf(version));
}

export function observationOf({ value, meta, marker, now }: Seen): CacheObservation {
  const hasTtl = value !== null && value.clean && value.expires;
  const nowMs = (now + 1) * TICK_MS;
  return {
    key: KEY,
    value:
      value === null ? undefined : { text: value.text, isText: true, hash: hashOf(value.text) },
    foreignType: undefined,
    meta:
      meta === null
        ? undefined
        : {
            version: realVersion(meta.version),
            shortHash: meta.text === null ? "" : shortHash(hashOf(meta.text)),
            expiresAtMs: endOf(meta),
            tombstone: meta.text === null,
            sessionId: null,
            interactionId: null,
          },
    markerSeq: marker ?? undefined,
    ttlMs: hasTtl ? ENDS_MS - nowMs : null,
    metaTtlMs: hasTtl ? ENDS_MS - nowMs : null,
    nowMs,
  };
}

export function shadowOf(row: Entry | null): ShadowEntry | undefined {
  if (row === null) return undefined;
  return { ...realEntry(row), syncMethod: "ASYNC_THREAD", syncedAtMs: 0 };
}

export function eventOf({ id, entry }: Event): OutboxEvent {
  return { id, entry: realEntry(entry), attempts: 0 };
}

function realEntry(entry: Entry) {
  const { version, text } = entry;
  return {
    key: KEY,
    version: realVersion(version),
    value: text,
    hash: text === null ? "" : hashOf(text),
    expiresAtMs: endOf(entry),
    sessionId: null,
    interactionId: null,
  };
}

function endOf({ expires, text }: Entry): number | null {
  return expires && text !== null ? ENDS_MS : null;
}

const hashes = new Map<string, string>();

function hashOf(text: string): string {
  let hash = hashes.get(text);
  if (hash === undefined) {
    hash = contentHash(text);
    hashes.set(text, hash);
  }
  return hash;
}
