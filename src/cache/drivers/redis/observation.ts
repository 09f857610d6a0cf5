import { isUtf8 } from "node:buffer";
import { contentHash } from "../../../model/content-hash.ts";
import type { CacheDigest, CacheObservation } from "../../cache-port.ts";
import { decodeMeta } from "./meta-codec.ts";

/** One row of observe.lua's answer. */
export function decodeObservation(
  key: string,
  nowMs: number,
  row: readonly unknown[],
): CacheObservation {
  const [value, foreignType, meta, marker, pttl, metaPttl] = row as [
    Buffer | null,
    Buffer | null,
    Buffer | null,
    Buffer | null,
    number,
    number,
  ];
  return {
    key,
    value:
      value === null
        ? undefined
        : { text: value.toString(), isText: isUtf8(value), hash: contentHash(value) },
    foreignType: foreignType?.toString(),
    meta: meta === null ? undefined : decodeMeta(meta),
    markerSeq: marker === null ? undefined : Number(marker.toString()),
    ttlMs: pttl >= 0 ? pttl : null,
    metaTtlMs: metaPttl >= 0 ? metaPttl : null,
    nowMs,
  };
}

/** What digests.lua answers of a key: the four values from `at` on. */
export function decodeDigest(
  key: string,
  nowMs: number,
  answer: readonly unknown[],
  at: number,
): CacheDigest {
  const [length, foreignType, meta, marker] = answer.slice(at, at + 4) as [
    number | null,
    Buffer | null,
    Buffer | null,
    Buffer | null,
  ];
  return {
    key,
    valueBytes: length ?? undefined,
    foreignType: foreignType?.toString(),
    meta: meta === null ? undefined : decodeMeta(meta),
    markerSeq: marker === null ? undefined : Number(marker.toString()),
    nowMs,
  };
}
