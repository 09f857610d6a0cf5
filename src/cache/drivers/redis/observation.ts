import { isUtf8 } from "node:buffer";
import { contentHash } from "../../../model/content-hash.ts";
import type {
  CacheContents,
  CacheDigest,
  CachedValue,
  CacheObservation,
} from "../../cache-port.ts";
import { decodeMeta } from "./meta-codec.ts";

/** One row of observe.lua's answer. */
export function decodeObservation(
  key: string,
  nowMs: number,
  row: readonly unknown[],
): CacheObservation {
  const [value, foreignType, meta, marker, pttl, metaPttl] = row as [
    ...contents: ContentsRow<Buffer>,
    pttl: number,
    metaPttl: number,
  ];
  return {
    ...decodeContents(key, nowMs, [value, foreignType, meta, marker]),
    ttlMs: pttl >= 0 ? pttl : null,
    metaTtlMs: metaPttl >= 0 ? metaPttl : null,
  };
}

/** What contents.lua answers of one key. */
export type ContentsRow<Value> = readonly [
  value: Value | null,
  foreignType: Buffer | null,
  meta: Buffer | null,
  marker: Buffer | null,
];

export function decodeContents(
  key: string,
  nowMs: number,
  [value, ...rest]: ContentsRow<Buffer>,
): CacheContents {
  return { key, value: decodeValue(value), ...decodeRest(rest), nowMs };
}

export function decodeDigest(
  key: string,
  nowMs: number,
  [length, ...rest]: ContentsRow<number>,
): CacheDigest {
  return { key, valueBytes: length ?? undefined, ...decodeRest(rest), nowMs };
}

function decodeRest([foreignType, meta, marker]: readonly (Buffer | null)[]) {
  return {
    foreignType: foreignType?.toString(),
    meta: meta == null ? undefined : decodeMeta(meta),
    markerSeq: marker == null ? undefined : Number(marker.toString()),
  };
}

function decodeValue(value: Buffer | null): CachedValue | undefined {
  if (value === null) return undefined;
  const [text, hash] = [value.toString(), contentHash(value)];
  return isUtf8(value) ? { text, isText: true, hash } : { text, isText: false, bytes: value, hash };
}
