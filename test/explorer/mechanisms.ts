/**
 * What the protocol rests on, each with what is done instead where it is taken away. The explorer shows for every one
 * of them that it is needed: without it, some sequence of steps breaks a promise.
 */
export const MECHANISMS = {
  conditional_upsert: "the shadow takes whatever arrives, newer or not",
  versioned_acknowledgement: "an acknowledgement clears the marker whatever version it speaks of",
  only_shadow_clears_marker: "an event that was appended clears the marker",
  atomic_marker: "the marker is set by a second script, after the value",
  pinning: "a value may be evicted before the shadow has it",
  tombstones: "a delete removes the row instead of leaving a version in it",
  fill_lease: "a fill does not need its lease",
  acknowledgement_voids_lease: "pinned, an acknowledgement leaves a fill lease standing",
  fence: "scripts run whatever became of the Redis they were meant for",
  run_bound_fill: "a fill begun under one run id is finished under another",
  epoch_check: "nobody asks for the store's epoch before a caller is told",
  current_epoch_told: "what has landed is told to whichever Redis the process talks to",
  new_epoch: "recovery installs the epoch that the store had before",
  recovery_events: "recovery leaves the outbox to the projector",
  recovery_drop: "recovery keeps copies that are older than the shadow",
  recovery_looks_back: "recovery takes rows of earlier epochs for known to every later copy",
  recovery_looks_below:
    "recovery takes every row below the last version that Redis knows for known to its copies",
  late_landing_drops:
    "a write of an earlier epoch that lands after recovery leaves a value without meta",
  compare_and_set_install: "the last recovery to install its epoch wins",
  confirmed_epoch: "recovery ends without asking for the store's epoch again",
  settle: "unpinned, the caller is told without a word to the cache",
  owed_settle: "a write that landed after its call had ended is never settled",
  projector_settles: "unpinned, the projector acknowledges as if there were markers",
  events_first: "a read looks at the row alone, or at the events after it",
  commit_turn: "the copy in the process follows the commit in a later turn",
  change_stamp: "a copy is served although another process has written since",
  stamp_with_row: "the change stamp is read after the row",
  second_look: "the verifier believes its first look",
  third_look: "unpinned, the verifier believes its second look",
  repair_condition: "a repair does not ask whether the key is still as it was seen",
  purge_by_version: "the purge deletes the row whatever version it has by then",
  purge_waits: "the purge asks neither the markers nor the events",
  purge_rests: "the purge deletes at once, whatever was read before it looked",
  purge_record: "nobody records the highest version purged",
  record_after_row: "recovery asks for the highest version purged before it looks at the rows",
  statement_life: "a statement may land however old it is",
  answer_drops: "an answer that was given before is given again beside an older copy",
  key_memory: "a write forgets the idempotency keys that it cannot see",
} as const satisfies Record<string, string>;

export type Mechanism = keyof typeof MECHANISMS;

/** Which mechanisms are in force. */
export type Rules = Readonly<Record<Mechanism, boolean>>;

export const MECHANISM_NAMES = Object.keys(MECHANISMS) as readonly Mechanism[];

export const ALL_RULES = Object.fromEntries(MECHANISM_NAMES.map((name) => [name, true])) as Rules;

export function rulesWithout(removed: Mechanism): Rules {
  return { ...ALL_RULES, [removed]: false };
}
