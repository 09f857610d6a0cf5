import type { Version } from "./version.ts";

/**
 * What must hold of a key in the very step that decides a write. Judged on what a reader would be told, so a deleted,
 * expired or purged key is absent and has no version.
 */
export type WriteCondition =
  | { readonly kind: "version"; readonly version: Version }
  | { readonly kind: "absent" };

/** What a condition is judged on: nothing alive, a version, or a value that has none because another program wrote it. */
export type Standing = WriteCondition | { readonly kind: "unversioned" };

export const ABSENT: Standing = { kind: "absent" };
export const UNVERSIONED: Standing = { kind: "unversioned" };

export function standingAt(version: Version): Standing {
  return { kind: "version", version };
}

export function isMet(condition: WriteCondition, standing: Standing): boolean {
  if (condition.kind === "absent" || standing.kind !== "version")
    return standing.kind === condition.kind;
  return standing.version === condition.version;
}

/** Why a write was not made that an authority has judged. */
export type WriteRefusal =
  | { readonly outcome: "conflict"; readonly standing: Standing }
  /** The idempotency key has been used with other arguments. */
  | { readonly outcome: "reused" };
