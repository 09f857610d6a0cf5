/** What a health check has found: all is well, there is an issue, or it could not look. */
export type HealthState = "good" | "issues" | "failed";

/** What a sink was last told, and when. */
export interface Told {
  readonly state: HealthState;
  readonly atMs: number;
}

/**
 * What a sink is to hear of a state: each change once, what lasts again after `remindMs` (0 = never), and that all is well only
 * where it has heard of something else before. Decided for each sink alone, so that one that was down
 * hears of a change late, and the others do not hear of it again.
 */
export function judgeTold(
  state: HealthState,
  told: Told | undefined,
  { nowMs, remindMs }: { readonly nowMs: number; readonly remindMs: number },
): "tell" | "remind" | "nothing" {
  if (state === "good") return told === undefined || told.state === "good" ? "nothing" : "tell";
  if (told?.state !== state) return "tell";
  return remindMs > 0 && nowMs - told.atMs >= remindMs ? "remind" : "nothing";
}
