import { KV } from "../models/model.ts";
import type { KeptResult } from "./check-results.ts";
import type { LookCandidate } from "./choose-look.ts";
import { type Counters, countedSince } from "./counters.ts";

/** So many looks back are taken into account. */
const LOOKS_REMEMBERED = 5;

/** So many beginnings of keys where drift was found are looked at by themselves. */
const PREFIXES_MAX = 3;

/**
 * What of these models could be looked at next: each as a whole and, of the keys of cache and store, the prefixes where
 * the latest looks found drift. `results`: newest first. A prefix comes before the whole: of equals the first one is chosen.
 */
export function lookCandidates(
  models: readonly string[],
  results: readonly KeptResult[],
  now: Counters,
): readonly LookCandidate[] {
  return models.flatMap((model) => {
    const own = results.filter((result) => result.model === model && result.findings !== null);
    const prefixes = model === KV ? driftedPrefixes(own) : [];
    return [...prefixes, undefined].map((prefix) => candidateOf(model, prefix, own, now));
  });
}

function candidateOf(
  model: string,
  prefix: string | undefined,
  own: readonly KeptResult[],
  now: Counters,
): LookCandidate {
  // A look at everything is one at the prefix too; one at another prefix is not.
  const seen = own
    .filter((result) => result.prefix === null || result.prefix === prefix)
    .slice(0, LOOKS_REMEMBERED);
  const [latest] = seen;
  return {
    model,
    prefix,
    looks: seen.map((result) => pastLook(result, prefix)),
    ...(latest === undefined
      ? { evictions: undefined, recoveries: 0 }
      : countedSince(latest.counters, now)),
  };
}

function pastLook({ atMs, prefix: at, findings }: KeptResult, prefix: string | undefined) {
  const { checked, consistent, driftedPrefixes: drifted } = findings ?? nothing;
  if (prefix === undefined || at === prefix)
    return { atMs, checked, consistent, drifted: consistent < checked };
  // How many keys of the prefix were among them is not known, only that some had drifted.
  return {
    atMs,
    checked: 0,
    consistent: 0,
    drifted: drifted.some((each) => each.prefix === prefix),
  };
}

const nothing = { checked: 0, consistent: 0, driftedPrefixes: [] };

/** Those with most drift first. */
function driftedPrefixes(own: readonly KeptResult[]): readonly string[] {
  const keys = new Map<string, number>();
  for (const { findings } of own.slice(0, LOOKS_REMEMBERED)) {
    for (const { prefix, keys: found } of findings?.driftedPrefixes ?? [])
      keys.set(prefix, (keys.get(prefix) ?? 0) + found);
  }
  return [...keys]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, PREFIXES_MAX)
    .map(([prefix]) => prefix);
}
