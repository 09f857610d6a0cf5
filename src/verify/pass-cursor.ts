import { contentHash } from "../model/content-hash.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Compared } from "./looker.ts";

/** Where a full pass goes on: after a key of the store, at a place of the cache's scan, or among the events. */
export type PassPlace =
  | { readonly side: "store"; readonly after: string | null }
  /** `scan` null: from the start of the cache. */
  | { readonly side: "cache"; readonly scan: ScanPlace | null }
  | { readonly side: "events"; readonly events: EventPlace };

/** A cursor of the cache, and the life of the cache in which it means something. */
export interface ScanPlace {
  readonly id: string;
  readonly cursor: string;
}

/** After which of a bucket's unprocessed events, by the outbox' own cursor; null = from the first. */
export interface EventPlace {
  readonly bucket: number;
  readonly after: string | null;
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
  /** What was found so far: in the store, rows and events, and among what only the cache has. */
  readonly inStore: PassTotals;
  readonly inCache: PassTotals;
}

const FORM = "pass2";
const CHECK_DIGITS = 8;

/** An opaque text, with a checksum: whoever hands it on may lose or change a letter of it. */
export function encodePass(state: PassState): string {
  const { storeId, prefix, compared, place, inStore, inCache } = state;
  const totals = [inStore.keys, inStore.issues, inCache.keys, inCache.issues];
  const text = JSON.stringify([FORM, storeId, prefix, compared, whereOf(place), totals]);
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
    Where,
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

type Where =
  | readonly ["s", after: string | null]
  | readonly ["c", scan: ScanPlace | null]
  | readonly ["e", events: EventPlace];

function whereOf(place: PassPlace): Where {
  switch (place.side) {
    case "store":
      return ["s", place.after];
    case "cache":
      return ["c", place.scan];
    case "events":
      return ["e", place.events];
  }
}

function placeOf(where: Where): PassPlace {
  switch (where[0]) {
    case "s":
      return { side: "store", after: where[1] };
    case "c":
      return { side: "cache", scan: where[1] };
    case "e":
      return { side: "events", events: where[1] };
  }
}

function checkOf(text: string): string {
  return contentHash(text).slice(0, CHECK_DIGITS);
}
