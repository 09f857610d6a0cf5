import { contentHash } from "../model/content-hash.ts";
import type { Look } from "./classify.ts";

/**
 * What was seen of a key, as one short text to compare: two looks have the same exactly if no write, acknowledgement or
 * other hand came between. The passing of time is no difference, nor is a lease.
 */
export function fingerprintOf({ cache, events, shadow }: Look): string {
  const { value, foreignType, meta, markerSeq } = cache;
  return contentHash(
    JSON.stringify([
      [value?.hash, foreignType, markerSeq],
      meta && [meta.version, meta.shortHash, meta.expiresAtMs, meta.tombstone],
      events.map(({ id, entry }) => [id, entry.version]),
      // The hash that stands in a row says nothing of its value where another hand has edited one of them.
      shadow && [
        shadow.version,
        shadow.hash,
        shadow.value === null ? null : contentHash(shadow.value),
        shadow.expiresAtMs,
      ],
    ]),
  );
}
