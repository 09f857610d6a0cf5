import type { CacheMeta } from "../../cache-port.ts";

const VERSION_AT = 1;
const HASH_AT = 25;
const HASH_BYTES = 16;
const DEADLINE_AT = HASH_AT + HASH_BYTES;

/** Reads the packed meta that the scripts write; its layout is described in scripts/prelude.lua. */
export function decodeMeta(packed: Buffer): CacheMeta {
  const rest = packed.toString("utf8", DEADLINE_AT);
  const bar = rest.indexOf("|");
  const deadline = bar === -1 ? rest : rest.slice(0, bar);
  const tombstone = packed[0] === "T".charCodeAt(0);
  return {
    version: packed.toString("latin1", VERSION_AT, HASH_AT),
    shortHash: tombstone ? "" : packed.toString("hex", HASH_AT, DEADLINE_AT),
    expiresAtMs: deadline === "" ? null : Number(deadline),
    tombstone,
    ...(bar === -1 ? { sessionId: null, interactionId: null } : decodeIds(rest.slice(bar + 1))),
  };
}

/** The bytes that {@link decodeMeta} read: the encoding is canonical, so a guard can compare them. */
export function encodeMeta(meta: CacheMeta): Buffer {
  const ids = encodeIds(meta);
  return Buffer.concat([
    Buffer.from((meta.tombstone ? "T" : "L") + meta.version, "latin1"),
    hashBytes(meta.shortHash),
    Buffer.from((meta.expiresAtMs ?? "") + (ids === "" ? "" : `|${ids}`)),
  ]);
}

/** The first 16 bytes of a hex SHA-256; zero bytes for a tombstone's empty hash. */
export function hashBytes(hexHash: string): Buffer {
  return hexHash === ""
    ? Buffer.alloc(HASH_BYTES)
    : Buffer.from(hexHash.slice(0, HASH_BYTES * 2), "hex");
}

/** The ids as the meta keeps them until the shadow has the write; empty where there are none. */
export function encodeIds(ids: Pick<CacheMeta, "sessionId" | "interactionId">): string {
  if (ids.sessionId === null && ids.interactionId === null) return "";
  return JSON.stringify([ids.sessionId, ids.interactionId]);
}

function decodeIds(text: string): Pick<CacheMeta, "sessionId" | "interactionId"> {
  const [sessionId, interactionId] = JSON.parse(text) as [string | null, string | null];
  return { sessionId, interactionId };
}
