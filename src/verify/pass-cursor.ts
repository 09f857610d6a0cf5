import { contentHash } from "../model/content-hash.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Compared } from "./looker.ts";

/** Where a full pass goes on: after a key of the store, or at a place of the cache's scan. */
export type PassPlace =
  | { readonly side: "store"; readonly after: string | null }
  /** `scan` null: from the start of the cache. */
  | { readonly side: "cache"; readonly scan: ScanPlace | null };

/** A cursor of the cache, and the life of the cache in which it means something. */
export interface ScanPlace {
  readonly id: string;
  readonly cursor: string;
}

export interface PassTotals {
  readonly keys: number;
  readonly issues: number;
}

/** All that a later call needs to go on with a pass, whichever process it comes to. */
export interface PassState {
  /** The store that the pass is about. */
  readonly storeId: string;
  readonly prefix: string;
  readonly compared: Compared;
  readonly place: PassPlace;
  /** What was found so far: among the rows of the store, and among what only the cache has. */
  readonly inStore: PassTotals;
  readonly inCache: PassTotals;
}

const FORM = "pass1";
const CHECK_DIGITS = 8;

/** An opaque text, with a checksum: whoever hands it on may lose or change a letter of it. */
export function encodePass(state: PassState): string {
  const { storeId, prefix, compared, place, inStore, inCache } = state;
  const where =
    place.side === "store" ? ["s", place.after] : ["c", place.scan?.id, place.scan?.cursor];
  const totals = [inStore.keys, inStore.issues, inCache.keys, inCache.issues];
  const text = JSON.stringify([FORM, storeId, prefix, compared, where, totals]);
  return Buffer.from(checkOf(text) + text).toString("base64url");
}

/** Error: INPUT_INVALID for anything that {@link encodePass} has not made. */
export function decodePass(cursor: string): PassState {
  const text = Buffer.from(cursor, "base64url").toString();
  const body = text.slice(CHECK_DIGITS);
  if (text.slice(0, CHECK_DIGITS) !== checkOf(body) || !body.startsWith(`["${FORM}"`)) {
    throw new LockstepError(
      "INPUT_INVALID",
      "The cursor is not one that verify_cache_sync has given, or it was changed on its way.",
    );
  }
  // The checksum has shown that this is what was encoded.
  const [, storeId, prefix, compared, where, totals] = JSON.parse(body) as [
    string,
    string,
    string,
    Compared,
    ["s", string | null] | ["c", string | null, string | null],
    [number, number, number, number],
  ];
  return {
    storeId,
    prefix,
    compared,
    place: placeOf(where),
    inStore: { keys: totals[0], issues: totals[1] },
    inCache: { keys: totals[2], issues: totals[3] },
  };
}

function placeOf(where: ["s", string | null] | ["c", string | null, string | null]): PassPlace {
  if (where[0] === "s") return { side: "store", after: where[1] };
  const [, id, cursor] = where;
  return { side: "cache", scan: id === null || cursor === null ? null : { id, cursor } };
}

function checkOf(text: string): string {
  return contentHash(text).slice(0, CHECK_DIGITS);
}
