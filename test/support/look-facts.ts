import { shortHash } from "../../src/model/content-hash.ts";
import type { ShadowEntry } from "../../src/model/entry.ts";
import { seqOf, type Version } from "../../src/model/version.ts";
import type { Look } from "../../src/verify/classify.ts";
import { entryOf, tombstoneOf, versionNo } from "../contract/entries.ts";
import { cachedText, eventOf, lookOf, metaOf, NOW_MS, shadowOf } from "./builders.ts";

/** How long a write may be on its way in these looks, milliseconds. */
export const OBJECTIVE_MS = 10_000;

type Age = "young" | "old";

export interface ShadowFacts {
  readonly life: "live" | "expired" | "tombstone";
  /** Its version, against meta's. */
  readonly age: "older" | "equal" | "newer";
  readonly hash: "right" | "wrong";
  /** Against what was written through the cache. */
  readonly contents: "same" | "other value" | "other deadline";
}

/** All that can be known of a key, as a person would say it. */
export interface Facts {
  readonly otherType: boolean;
  /** "written" is the value that meta speaks of; a tombstone speaks of none. */
  readonly value: "none" | "written" | "foreign";
  readonly meta: "none" | "live" | "expired" | "tombstone";
  readonly marker: "none" | Age;
  readonly event: "none" | Age;
  readonly shadow: "none" | ShadowFacts;
  readonly removalProven: boolean;
}

/** Every combination, those too that no sequence of steps is known to reach. */
export function* everyFacts(): Generator<Facts> {
  for (const otherType of [false, true])
    for (const value of ["none", "written", "foreign"] as const)
      for (const meta of ["none", "live", "expired", "tombstone"] as const)
        for (const marker of ["none", "young", "old"] as const)
          for (const event of ["none", "young", "old"] as const)
            for (const shadow of everyShadow())
              for (const removalProven of [false, true])
                yield { otherType, value, meta, marker, event, shadow, removalProven };
}

function* everyShadow(): Generator<Facts["shadow"]> {
  yield "none";
  for (const life of ["live", "expired", "tombstone"] as const)
    for (const age of ["older", "equal", "newer"] as const)
      for (const hash of ["right", "wrong"] as const)
        for (const contents of ["same", "other value", "other deadline"] as const)
          yield { life, age, hash, contents };
}

/** A look that shows these facts. */
export function lookWith(facts: Facts): Look {
  const written = writtenEntry(facts);
  const shadow = facts.shadow === "none" ? undefined : shadowWith(facts.shadow);
  const ageMs = { young: OBJECTIVE_MS - 1000, old: OBJECTIVE_MS + 1000 };
  const seqAged = (age: Age) => (NOW_MS - ageMs[age]) * 1000;
  return lookOf({
    cache: {
      foreignType: facts.otherType ? "list" : undefined,
      value:
        facts.value === "none"
          ? undefined
          : cachedText(facts.value === "written" ? WRITTEN : "foreign"),
      meta: facts.meta === "none" ? undefined : metaOf(written),
      markerSeq: facts.marker === "none" ? undefined : seqAged(facts.marker),
    },
    events:
      facts.event === "none"
        ? []
        : [eventOf(entryOf({ version: versionOf(seqAged(facts.event)), value: WRITTEN }))],
    ...(shadow === undefined ? {} : { shadow }),
    removalProven: facts.removalProven,
  });
}

const WRITTEN = "written";
const ENDED_MS = NOW_MS - 1;

/** Long ago, so that only marker and event decide what is overdue. */
const VERSIONS = { older: versionNo(1), equal: versionNo(2), newer: versionNo(3) };

function versionOf(seq: number): Version {
  return versionNo(seq - seqOf(versionNo(0)));
}

function writtenEntry({ meta }: Facts) {
  const version = VERSIONS.equal;
  if (meta === "tombstone") return tombstoneOf({ version });
  return entryOf({ version, value: WRITTEN, expiresAtMs: meta === "expired" ? ENDED_MS : null });
}

function shadowWith({ life, age, hash, contents }: ShadowFacts): ShadowEntry {
  const endsOtherwise = contents === "other deadline";
  const row = shadowOf({
    version: VERSIONS[age],
    value: life === "tombstone" ? null : contents === "other value" ? "other" : WRITTEN,
    expiresAtMs: {
      live: endsOtherwise ? NOW_MS + 5000 : null,
      expired: endsOtherwise ? ENDED_MS - 5000 : ENDED_MS,
      tombstone: null,
    }[life],
  });
  return hash === "right" ? row : { ...row, hash: shortHash(row.hash).padEnd(64, "0") };
}
