/**
 * What a call may take beyond its limits at the store, milliseconds. By then the store has answered or been given up; what
 * is left is to tell the cache, or to look once more whether the shadow has the write: round trips of a few
 * milliseconds, which get this long so that a pause of this process or of Redis does not make a durable write unknown.
 */
export const CALL_MARGIN_MS = 250;
