import type { SettingsChange } from "../../src/model/sync-settings.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Stream } from "./compare-streams.ts";

/** In the order of their bytes the last two stand the other way round than JavaScript sorts them. */
export const KEYS = ["one", "one:more", "$set", "a}b\0:*?[é", "😀", "\uffee"] as const;
export type Key = (typeof KEYS)[number];

/**
 * Only writes of an authority elsewhere, with idempotency records; the others are written here too, and what comes from elsewhere has
 * none. Which records survive where both meet in the outbox is promised by nobody.
 */
export const WRITTEN_ELSEWHERE: readonly Key[] = ["one", "$set"];
const WRITTEN_HERE = KEYS.filter((key) => !WRITTEN_ELSEWHERE.includes(key));

const VALUES = ["", "one", "two\0\n", "drei é😀", "$lastValue"] as const;

/** A write that an authority elsewhere has minted: what it holds follows from key and number, so the same is always the same. */
export interface EntryPlan {
  readonly key: Key;
  /** The higher the newer; null: what was written here last under the key. */
  readonly number: number | null;
}

/** One of all events that were ever appended, counted back from the last. */
export interface EventPlan {
  readonly back: number;
}

/** What a guard or a condition names: the newest of the key, an older or a made-up version, or nothing. */
export type StandingPlan = "newest" | "other" | "none";

export interface CommandPlan {
  readonly key: Key;
  /** null: a delete. */
  readonly value: string | null;
  /** "lapses": the step ends after its end. */
  readonly life: "for ever" | "minutes" | "lapses";
  readonly writer: string | null;
  readonly condition: StandingPlan | undefined;
  readonly idempotencyKey: string | undefined;
}

/** "short": the step ends after its end. */
export type SpanPlan = "long" | "short" | "nothing";

export type StoreStep =
  | {
      readonly do: "apply";
      readonly entries: readonly EntryPlan[];
      readonly method: "ASYNC_THREAD" | "EVENT_BASED";
    }
  | { readonly do: "append"; readonly entries: readonly EntryPlan[] }
  | {
      readonly do: "claim";
      readonly owner: string;
      readonly limit: number;
      readonly lease: SpanPlan;
    }
  | { readonly do: "mark processed"; readonly events: readonly EventPlan[] }
  | {
      readonly do: "release";
      readonly events: readonly EventPlan[];
      readonly rest: SpanPlan;
      readonly why: "refused" | "outage";
    }
  | { readonly do: "park"; readonly events: readonly EventPlan[]; readonly cause: string }
  | {
      readonly do: "replay";
      readonly events: readonly EventPlan[] | undefined;
      readonly limit: number;
    }
  | { readonly do: "list dead letters"; readonly limit: number }
  | { readonly do: "change settings"; readonly change: SettingsChange }
  | {
      readonly do: "write";
      readonly command: CommandPlan;
      readonly guard: StandingPlan | undefined;
    }
  | {
      readonly do: "scan";
      readonly afterKey: Key | undefined;
      readonly prefix: string | undefined;
      readonly limit: number;
    }
  | {
      readonly do: "find stale";
      /** A number as entries have it; null: all that was ever written. */
      readonly before: number | null;
      readonly prefix: string | undefined;
      readonly limit: number;
    }
  | {
      readonly do: "lease a job";
      readonly name: string;
      readonly owner: string;
      readonly lease: SpanPlan;
    };

const STEPS = 40;

export function planStoreStream(random: SeededRandom): Stream<StoreStep> {
  const steps = Array.from({ length: STEPS }, () => planStep(random));
  return { setting: "new and empty", steps };
}

const NUMBERS = 12;

function planStep(random: SeededRandom): StoreStep {
  switch (random.pick(WEIGHTED)) {
    case "apply":
      return {
        do: "apply",
        entries: planEntries(random),
        method: random.pick(["ASYNC_THREAD", "EVENT_BASED"]),
      };
    case "append":
      return { do: "append", entries: planEntries(random) };
    case "claim":
      return {
        do: "claim",
        owner: random.pick(["one", "$other"]),
        limit: random.pick([1, 3, 100]),
        lease: planSpan(random),
      };
    case "mark processed":
      return { do: "mark processed", events: planEvents(random) };
    case "release":
      return {
        do: "release",
        events: planEvents(random),
        rest: planSpan(random),
        why: random.pick(["refused", "outage"]),
      };
    case "park":
      return { do: "park", events: planEvents(random), cause: random.pick(["$refused", ""]) };
    case "replay":
      return {
        do: "replay",
        events: random.integer(2) === 0 ? undefined : planEvents(random),
        limit: random.pick([0, 1, 100]),
      };
    case "list dead letters":
      return { do: "list dead letters", limit: random.pick([1, 2, 100]) };
    case "change settings":
      return { do: "change settings", change: planChange(random) };
    case "write":
      return {
        do: "write",
        command: planCommand(random),
        guard: random.integer(3) === 0 ? planStanding(random) : undefined,
      };
    case "scan":
      return {
        do: "scan",
        afterKey: random.integer(2) === 0 ? undefined : random.pick(KEYS),
        prefix: planPrefix(random),
        limit: random.pick([1, 2, 100]),
      };
    case "find stale":
      return {
        do: "find stale",
        before: random.integer(4) === 0 ? null : random.integer(NUMBERS),
        prefix: planPrefix(random),
        limit: random.pick([0, 1, 100]),
      };
    case "lease a job":
      return {
        do: "lease a job",
        name: random.pick(["check", "$purge"]),
        owner: random.pick(["one", "$other"]),
        lease: planSpan(random),
      };
  }
}

const WEIGHTED = [
  ...times(8, "apply"),
  ...times(6, "append"),
  ...times(5, "claim"),
  ...times(4, "mark processed"),
  ...times(3, "release"),
  ...times(3, "park"),
  ...times(2, "replay"),
  ...times(2, "list dead letters"),
  ...times(1, "change settings"),
  ...times(9, "write"),
  ...times(3, "scan"),
  ...times(2, "find stale"),
  ...times(1, "lease a job"),
];

function times<T extends string>(count: number, what: T): readonly T[] {
  return Array.from({ length: count }, () => what);
}

/** The same key, and the same write, more than once and in any order. */
function planEntries(random: SeededRandom): readonly EntryPlan[] {
  return Array.from({ length: random.pick([0, 1, 1, 2, 4]) }, () => ({
    key: random.pick(KEYS),
    number: random.integer(6) === 0 ? null : random.integer(NUMBERS),
  }));
}

function planEvents(random: SeededRandom): readonly EventPlan[] {
  return Array.from({ length: random.pick([0, 1, 2, 4]) }, () => ({ back: random.integer(8) }));
}

function planCommand(random: SeededRandom): CommandPlan {
  return {
    key: random.pick(WRITTEN_HERE),
    value: random.integer(4) === 0 ? null : random.pick(VALUES),
    life: random.pick(["for ever", "for ever", "minutes", "lapses"]),
    writer: random.integer(2) === 0 ? null : `$writer ${random.integer(3)}`,
    condition: random.integer(3) === 0 ? planStanding(random) : undefined,
    idempotencyKey: random.integer(3) === 0 ? `call ${random.integer(6)}` : undefined,
  };
}

function planStanding(random: SeededRandom): StandingPlan {
  return random.pick(["newest", "newest", "other", "none"]);
}

function planSpan(random: SeededRandom): SpanPlan {
  return random.pick(["long", "long", "short", "nothing"]);
}

function planPrefix(random: SeededRandom): string | undefined {
  return random.pick([undefined, undefined, "one", "one:", "a}", "\uffee", "o_", ""]);
}

function planChange(random: SeededRandom): SettingsChange {
  return random.pick<SettingsChange>([
    {},
    { mode: "event-only", queued: 3 },
    { mode: null },
    { poolRatio: 0.5, unprocessed: 0 },
    { poolRatio: null, queued: null },
  ]);
}
