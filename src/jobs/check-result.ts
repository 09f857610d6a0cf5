import { z } from "zod";

/** What looks by itself, and keeps what it has found. */
export const JOBS = ["health_check", "daily_check", "weekly_reconcile", "sample"] as const;

export type JobName = (typeof JOBS)[number];

const count = z.number();

const findings = z.object({
  /** Copies that were looked at. */
  checked: count,
  consistent: count,
  inconsistent: count,
  /** Copies that the other side should have and has not. */
  missing: count,
  /** Cached copies of what the store does not have. */
  orphaned: count,
  /** Sound copies of those looked at; null where none was. */
  ratio: z.number().nullable(),
  /** Where the share of all copies lies, with 95 % confidence; both ends the ratio itself where all were looked at. */
  interval: z.object({ low: z.number(), high: z.number() }).nullable(),
  /** How many keys of each class of issue; of models none. */
  classes: z.record(z.string(), count),
  /** Where drift was found, by the beginnings of keys, most first. */
  driftedPrefixes: z.array(z.object({ prefix: z.string(), keys: count })),
});

const reconciled = z.object({
  checked: count,
  created: count,
  updated: count,
  removed: count,
  skipped: count,
  errors: count,
  /** Whether everything was seen to, and not only as many as one run may. */
  complete: z.boolean(),
});

/** What one run of a job has found of one model, as it is kept. Only what this describes is read back. */
const checkResult = z.object({
  job: z.enum(JOBS),
  model: z.string(),
  /** Where only keys that begin with this were looked at. */
  prefix: z.string().nullable(),
  outcome: z.enum(["good", "drift", "failed"]),
  /** Why it was looked at, and why at so many; a sentence. */
  reason: z.string(),
  /** Which process of which machine. */
  by: z.string(),
  tookMs: z.number(),
  /** Null where nothing could be looked at, or nothing was to be. */
  findings: findings.nullable(),
  /** What was mended; null where nothing was to be. */
  reconciled: reconciled.nullable(),
  /** What stopped it. */
  error: z.string().nullable(),
  /** What the counters of the cache stood at, so that the next look knows what has happened since. */
  counters: z.object({ evictions: count.nullable(), recoveries: count.nullable() }),
});

export type Findings = Readonly<z.output<typeof findings>>;
export type Reconciled = Readonly<z.output<typeof reconciled>>;
export type CheckResult = Readonly<z.output<typeof checkResult>>;

/** Undefined where another release has kept what this one cannot read. */
export function readResult(body: unknown): CheckResult | undefined {
  return checkResult.safeParse(body).data;
}
