import { isUtf8 } from "node:buffer";
import { contentHash } from "../../../model/content-hash.ts";
import type { CacheObservation } from "../../cache-port.ts";
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
