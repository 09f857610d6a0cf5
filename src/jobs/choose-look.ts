import { type SampleWanted, sampleSizeFor } from "./sample-size.ts";

/** One thing that could be looked at next, and what is known of it. */
export interface LookCandidate {
  /** What it is called to people: a model, or kv for the keys of cache and store. */
  readonly model: string;
  /** Only the keys that begin with this; undefined = all. */
  readonly prefix: string | undefined;
  /** The latest looks at it, newest first. */
  readonly looks: readonly PastLook[];
  /** Keys that the cache has evicted since the latest look; undefined where nobody counts them. */
  readonly evictions: number | undefined;
  /** Buckets of the cache that had lost their state since then. */
  readonly recoveries: number;
}

export interface PastLook {
  readonly atMs: number;
  /** How many copies, and how many of them were sound; 0 where only the next field is known. */
  readonly checked: number;
  readonly consistent: number;
  /** Whether some were not. */
  readonly drifted: boolean;
}

export interface ChosenLook {
  readonly candidate: LookCandidate;
  readonly sampleSize: number;
  /** Why this one, and why so many; a sentence for people. */
  readonly reason: string;
}

export interface LookRules extends Omit<SampleWanted, "expected"> {
  /** How long a look is good for when nothing speaks against it, milliseconds. */
  readonly intervalMs: number;
}

/**
 * What each thing that is known adds. Drift that was found counts most, for it tends to come back; a cache that has
 * lost state or evicted much is a reason to look that is not proven yet; and time makes every candidate's turn come.
 */
const WEIGHTS = { neverSeen: 3, drift: 4, recovery: 2, evictions: 2, interval: 1 };

/** From so many evictions on, more of them mean no more. */
const MANY_EVICTIONS = 10_000;

/** The most suspicious candidate, and how large a sample can tell whether the suspicion is right; undefined where there is none. */
export function chooseLook(
  candidates: readonly LookCandidate[],
  rules: LookRules,
  nowMs: number,
): ChosenLook | undefined {
  let candidate: LookCandidate | undefined;
  for (const next of candidates) {
    // Of equals the first one stays, so that the choice is the same for the same facts.
    if (
      candidate === undefined ||
      suspicion(next, rules, nowMs) > suspicion(candidate, rules, nowMs)
    )
      candidate = next;
  }
  if (candidate === undefined) return undefined;
  const expected = expectedShare(candidate.looks);
  const sample = sampleSizeFor({ ...rules, expected });
  const reason = `${whyIt(candidate, nowMs)}. ${whySoMany(sample.tells, sample.size, expected, rules)}`;
  return { candidate, sampleSize: sample.size, reason };
}

/** How much speaks for a look: a plain sum, of which 0 is a candidate that was looked at just now and found sound. */
export function suspicion(
  { looks, evictions = 0, recoveries }: LookCandidate,
  { intervalMs }: Pick<LookRules, "intervalMs">,
  nowMs: number,
): number {
  const [latest] = looks;
  if (latest === undefined) return WEIGHTS.neverSeen;
  const driftShare = looks.filter((look) => look.drifted).length / looks.length;
  return (
    WEIGHTS.drift * driftShare +
    WEIGHTS.recovery * (recoveries > 0 ? 1 : 0) +
    WEIGHTS.evictions * Math.min(1, Math.log1p(evictions) / Math.log1p(MANY_EVICTIONS)) +
    WEIGHTS.interval * (Math.max(0, nowMs - latest.atMs) / intervalMs)
  );
}

/** Of all that was seen lately, the share that was sound. What nobody has looked at is believed to be. */
function expectedShare(looks: readonly PastLook[]): number {
  const checked = looks.reduce((sum, look) => sum + look.checked, 0);
  const consistent = looks.reduce((sum, look) => sum + look.consistent, 0);
  return checked === 0 ? 1 : consistent / checked;
}

function whyIt(candidate: LookCandidate, nowMs: number): string {
  const { model, prefix, looks, evictions = 0, recoveries } = candidate;
  const what = prefix === undefined ? model : `${model} (keys ${prefix}…)`;
  const [latest] = looks;
  if (latest === undefined) return `${what} has not been looked at lately`;
  const found = `${checksWithDrift(looks)} of ${what} found ${looks.some((look) => look.drifted) ? "drift" : "no drift"}`;
  const since = [
    ...(evictions > 0 ? [counted(evictions, "eviction")] : []),
    ...(recoveries > 0 ? [`${counted(recoveries, "bucket")} recovered`] : []),
  ];
  const ago = `looked at ${ageText(nowMs - latest.atMs)} ago`;
  return since.length === 0 ? `${found}; ${ago}` : `${found}; ${since.join(" and ")} since; ${ago}`;
}

function checksWithDrift(looks: readonly PastLook[]): string {
  if (looks.length === 1) return "the last check";
  const drifted = looks.filter((look) => look.drifted).length;
  return drifted === 0
    ? `the last ${looks.length} checks`
    : `${drifted} of the last ${looks.length} checks`;
}

function whySoMany(tells: boolean, size: number, expected: number, rules: LookRules): string {
  if (size === rules.min) return `${size} are the usual sample`;
  const shares = `a share of ${percent(expected)} as seen lately from the threshold of ${percent(rules.threshold)}`;
  return tells
    ? `${size} are enough to tell ${shares}`
    : `${size} are the most that may be looked at, and cannot tell ${shares}`;
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString("en-US")} ${what}${count === 1 ? "" : "s"}`;
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function ageText(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 120) return counted(minutes, "minute");
  const hours = Math.round(minutes / 60);
  return hours < 48 ? counted(hours, "hour") : counted(Math.round(hours / 24), "day");
}
