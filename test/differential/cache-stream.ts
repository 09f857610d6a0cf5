import type { DropScope } from "../../src/cache/cache-authority-port.ts";
import {
  META_SPOILERS,
  type MetaSpoiler,
  OTHER_TYPES,
  type OtherType,
} from "../contract/cache-authority/harness.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { Stream } from "./compare-streams.ts";

/** Two in one bucket, one elsewhere, and one whose name is easily spoilt. */
export const KEYS = ["{tag}one", "{tag}two", "three", "a}b\0:*?[é😀"] as const;
export type Key = (typeof KEYS)[number];

const VALUES = ["", "one", "two\0\n", "drei é😀", "$set"] as const;

const POLICIES = ["noeviction", "volatile-lru", "allkeys-lru"] as const;

/** One that the key was given before, counted back from the last, or its neighbour. */
export interface VersionPlan {
  readonly back: number;
  readonly shift: -1 | 0 | 1;
}

/** "lapses": the step ends after its end. */
export type LifePlan = "for ever" | "minutes" | "lapses";

export type ConditionPlan = VersionPlan | "absent" | undefined;

export interface CommandPlan {
  readonly key: Key;
  /** null: a delete. */
  readonly value: string | null;
  readonly life: LifePlan;
  readonly writer: string | null;
  readonly condition: ConditionPlan;
  readonly idempotencyKey: string | undefined;
}

/** What was seen of a key, and a lease of it, counted back from the last. */
export interface GuardPlan {
  readonly seen: number;
  readonly token: number | undefined;
  readonly withRecords: boolean;
}

export interface FilledPlan {
  readonly key: Key;
  readonly version: VersionPlan;
  readonly value: string | null;
  readonly life: "for ever" | "minutes" | "over";
  readonly token: number;
  readonly withRecords: boolean;
}

interface ByConnection {
  /** Which of two processes does it. */
  readonly by: 0 | 1;
}

export type CacheStep = ByConnection &
  (
    | {
        readonly do: "write";
        readonly command: CommandPlan;
        readonly guard: GuardPlan | undefined;
        readonly thenAcknowledge: boolean;
      }
    | {
        readonly do: "acknowledge";
        readonly acks: readonly { readonly key: Key; readonly version: VersionPlan }[];
      }
    | { readonly do: "settle" | "withdraw"; readonly key: Key; readonly version: VersionPlan }
    | { readonly do: "take lease"; readonly key: Key; readonly fromHolder: boolean }
    | { readonly do: "fill" | "stamp"; readonly entry: FilledPlan }
    | { readonly do: "look"; readonly key: Key }
    | { readonly do: "drop"; readonly key: Key; readonly seen: number; readonly what: DropScope }
    | { readonly do: "page pending"; readonly limit: number; readonly offset: number }
    | { readonly do: "proves removal"; readonly key: Key; readonly version: VersionPlan }
    | {
        readonly do: "set outside";
        readonly key: Key;
        readonly value: string;
        readonly life: LifePlan;
      }
    | { readonly do: "append outside"; readonly key: Key; readonly value: string }
    | { readonly do: "value goes" | "meta goes" | "lease ends"; readonly key: Key }
    | { readonly do: "another type"; readonly key: Key; readonly type: OtherType }
    | { readonly do: "meta is spoilt"; readonly key: Key; readonly how: MetaSpoiler }
    | { readonly do: "clock was ahead"; readonly key: Key; readonly hours: number }
    | { readonly do: "policy changes"; readonly policy: (typeof POLICIES)[number] }
  );

export interface CacheSetting {
  readonly maxmemoryPolicy: string;
  readonly residencyMs?: number;
}

const STEPS = 40;

export function planCacheStream(random: SeededRandom): Stream<CacheStep> {
  const setting: CacheSetting = {
    maxmemoryPolicy: random.pick(POLICIES),
    ...(random.integer(3) === 0 ? { residencyMs: 30 * 60_000 } : {}),
  };
  const steps = Array.from({ length: STEPS }, (_, index) => planStep(random, index));
  return { setting: JSON.stringify(setting), steps };
}

function planStep(random: SeededRandom, index: number): CacheStep {
  const by = random.pick([0, 1] as const);
  const key = random.pick(KEYS);
  const one = <T extends object>(rest: T) => ({ by, ...rest });
  switch (random.pick(WEIGHTED)) {
    case "write":
      return one({
        do: "write",
        command: planCommand(random, key),
        guard: random.integer(3) === 0 ? planGuard(random) : undefined,
        thenAcknowledge: random.integer(3) === 0,
      } as const);
    case "acknowledge":
      return one({ do: "acknowledge", acks: planAcks(random) } as const);
    case "settle":
      return one({
        do: random.pick(["settle", "settle", "withdraw"] as const),
        key,
        version: planVersion(random),
      });
    case "lease":
      return one({ do: "take lease", key, fromHolder: random.integer(3) === 0 } as const);
    case "fill":
      return one({
        do: random.pick(["fill", "stamp"] as const),
        entry: planFilled(random, key),
      });
    case "look":
      return one({ do: "look", key } as const);
    case "drop":
      return one({
        do: "drop",
        key,
        seen: random.integer(2),
        what: random.pick(["copy", "copy_and_marker", "marker"] as const),
      } as const);
    case "ask":
      return random.integer(2) === 0
        ? one({
            do: "page pending",
            limit: 1 + random.integer(3),
            offset: random.integer(3),
          } as const)
        : one({ do: "proves removal", key, version: planVersion(random) } as const);
    case "outside":
      return one(planOutside(random, key, index));
  }
}

const WEIGHTED = [
  ...times(10, "write"),
  ...times(4, "acknowledge"),
  ...times(2, "settle"),
  ...times(3, "lease"),
  ...times(4, "fill"),
  ...times(3, "look"),
  ...times(2, "drop"),
  ...times(1, "ask"),
  ...times(5, "outside"),
];

function times<T extends string>(count: number, what: T): readonly T[] {
  return Array.from({ length: count }, () => what);
}

function planCommand(random: SeededRandom, key: Key): CommandPlan {
  const conditions = [undefined, undefined, undefined, "absent", "version"] as const;
  const condition = random.pick(conditions);
  return {
    key,
    value: random.integer(4) === 0 ? null : random.pick(VALUES),
    life: random.pick(["for ever", "for ever", "for ever", "minutes", "minutes", "lapses"]),
    writer: random.integer(2) === 0 ? null : `writer ${random.integer(3)}`,
    condition: condition === "version" ? planVersion(random) : condition,
    idempotencyKey: random.integer(3) === 0 ? `call ${random.integer(6)}` : undefined,
  };
}

function planGuard(random: SeededRandom): GuardPlan {
  return {
    seen: random.integer(2),
    token: random.integer(2) === 0 ? undefined : random.integer(2),
    withRecords: random.integer(3) === 0,
  };
}

function planAcks(random: SeededRandom) {
  const keys = KEYS.filter(() => random.integer(3) > 0);
  return keys.map((key) => ({ key, version: planVersion(random) }));
}

function planVersion(random: SeededRandom): VersionPlan {
  return {
    back: random.pick([0, 0, 0, 1, 2]),
    shift: random.pick([0, 0, 0, 0, -1, 1] as const),
  };
}

function planFilled(random: SeededRandom, key: Key): FilledPlan {
  return {
    key,
    version: planVersion(random),
    value: random.integer(8) === 0 ? null : random.pick(VALUES),
    life: random.pick(["for ever", "for ever", "minutes", "over"]),
    token: random.pick([0, 0, 0, 1]),
    withRecords: random.integer(3) === 0,
  };
}

function planOutside(random: SeededRandom, key: Key, index: number) {
  const value = random.pick(VALUES);
  switch (random.integer(12)) {
    case 0:
    case 1:
      return {
        do: "set outside",
        key,
        value,
        life: random.pick(["for ever", "minutes", "lapses"] as const),
      } as const;
    case 2:
      return { do: "append outside", key, value } as const;
    case 3:
    case 4:
      return { do: "value goes", key } as const;
    case 5:
    case 6:
      return { do: "meta goes", key } as const;
    case 7:
    case 8:
      return { do: "lease ends", key } as const;
    case 9:
      return { do: "another type", key, type: random.pick(OTHER_TYPES) } as const;
    case 10:
      return { do: "meta is spoilt", key, how: random.pick(META_SPOILERS) } as const;
    default:
      // Each time further ahead: a bucket never forgets what it has minted.
      return random.integer(2) === 0
        ? ({ do: "clock was ahead", key, hours: index + 1 } as const)
        : ({ do: "policy changes", policy: random.pick(POLICIES) } as const);
  }
}
