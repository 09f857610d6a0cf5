import type { ToolName } from "../support/lockstep/tool-answers.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import { type Stream, stepsOr } from "./compare-streams.ts";
import { OTHER_CALLS } from "./other-calls.ts";
import type { Args, Strategy, ToolSetting, ToolStep, VersionPlan } from "./tool-step.ts";

/** Two in one bucket, and such as somewhere in between might be cut, folded, ordered otherwise or read as more than text. */
const KEYS = [
  "plain",
  "{tag}one",
  "{tag}two",
  "$where.a.b",
  `"quoted" 'key' \\`,
  "nul\0key",
  "é😀漢 *?[x]",
  "in the middle lockstep:m:x",
  "ü".repeat(512),
  "e\u0301 beside \u00e9",
  "\u00e9 beside e\u0301",
  "\uffee",
];

/** A stream has this many of them, so that its steps meet. */
const KEYS_OF_A_STREAM = 6;

const VALUES = [
  "",
  "one",
  "two",
  `"double" and 'single' \\ quotes\r\n\t`,
  "$set",
  "$$ROOT",
  `{"$set": {"deleted": true}}`,
  "before\0after",
  "drei é😀 \u{1F468}\u200D\u{1F469}",
];
const LARGEST = "é".repeat(512 * 1024);

const WRITERS = [undefined, "writer 1", "$writer\0 é"];

/** The longest that is taken, seconds. */
export const TTL_MAX_SEC = 315_360_000;

/** No stream takes as long as the first. */
const TTLS = [undefined, undefined, undefined, 600, 6_000, TTL_MAX_SEC];

const POLICIES = ["noeviction", "volatile-lru", "allkeys-lru"] as const;

export function planToolStream(random: SeededRandom): Stream<ToolStep> {
  // In turns, so that a few seeds in a row meet them all.
  const setting: ToolSetting = {
    maxmemoryPolicy: POLICIES[random.seed % POLICIES.length]!,
    instances: random.seed % 2 === 0 ? 1 : 2,
  };
  const keys = pickSome(random, KEYS, KEYS_OF_A_STREAM);
  const steps = Array.from({ length: stepsOr(30) }, () => planStep(random, { setting, keys }));
  return { setting: JSON.stringify(setting), steps };
}

const WEIGHTED = [
  ...times(30, "set"),
  ...times(8, "delete"),
  ...times(20, "get"),
  ...times(12, "look"),
  ...times(6, "verify"),
  ...times(3, "list times"),
  ...times(5, "repair"),
  ...times(8, "other"),
  ...times(2, "settings"),
  ...times(2, "drift"),
  ...times(2, "expiry"),
  ...times(1, "restart"),
];

function times<T extends string>(count: number, what: T): readonly T[] {
  return Array.from({ length: count }, () => what);
}

interface Scope {
  readonly setting: ToolSetting;
  readonly keys: readonly string[];
}

function planStep(random: SeededRandom, { setting, keys }: Scope): ToolStep {
  const by = random.pick([0, 1] as const);
  const key = random.pick(keys);
  const call = (tool: ToolName, args: Args) => ({ by, do: "call", tool, args }) as const;
  switch (random.pick(WEIGHTED)) {
    case "set":
      return planSet(random, call, key);
    case "delete":
      return random.integer(3) === 0
        ? call("hybrid_sync_delete", { key })
        : call("kv_delete", { key, ...planTerms(random) });
    case "get":
      return call("kv_get", {
        key,
        ...(random.integer(4) === 0 ? { minVersion: planVersion(random) } : {}),
      });
    case "look":
      return random.integer(3) === 0
        ? call("explain_key", { key, limit: 500 })
        : call("verify_key_sync", { key });
    case "verify":
      return planVerify(random, by);
    case "list times":
      return random.integer(2) === 0
        ? call("get_cache_ttl_info", { ...planPrefix(random), expiringWithinSec: 700 })
        : {
            by,
            do: "list times in parts",
            args: { ...planPrefix(random), limit: 1 + random.integer(3) },
          };
    case "repair":
      return {
        by,
        do: "repair",
        key,
        strategy: planStrategy(random),
        dryRun: random.integer(3) === 0,
      };
    case "other": {
      const { tool, args } = random.pick(OTHER_CALLS);
      return call(tool, args);
    }
    case "settings":
      // The other process hears of a change within seconds, and may not know of it yet.
      return { ...call("hybrid_sync_configure", planSettings(random)), by: 0 };
    case "drift":
      // Unpinned, each look that finds drift takes more than five seconds.
      return setting.maxmemoryPolicy === "allkeys-lru" && random.integer(8) > 0
        ? call("verify_cache_sync", {})
        : planDrift(random, by, keys);
    case "restart":
      // One process alone would have lost what the comparison takes it to have: its copies.
      return setting.instances === 1 ? call("kv_get", { key }) : { by, do: "restart" };
    case "expiry":
      return {
        by,
        do: "let expire",
        tool: random.pick(["kv_set", "hybrid_sync_manual"] as const),
        args: { key, value: random.pick(VALUES), ttlSec: 1 },
      };
  }
}

type MakeCall = (tool: ToolName, args: Args) => ToolStep;

function planSet(random: SeededRandom, call: MakeCall, key: string): ToolStep {
  const value = random.integer(25) === 0 ? LARGEST : random.pick(VALUES);
  const lasting = { key, value, ...defined({ ttlSec: random.pick(TTLS) }) };
  switch (random.integer(6)) {
    case 0:
      return call("hybrid_sync_manual", lasting);
    case 1:
      return call("hybrid_sync_adaptive", lasting);
    default:
      return call("kv_set", {
        ...lasting,
        ...planTerms(random),
        ...(random.integer(6) === 0 ? { ifAbsent: true } : {}),
      });
  }
}

/** What kv_set and kv_delete have in common. */
function planTerms(random: SeededRandom): Args {
  return defined({
    sessionId: random.pick(WRITERS),
    interactionId: random.pick(WRITERS),
    ack: random.pick([undefined, undefined, undefined, "durable", "cache", "shadow"]),
    ifVersion: random.integer(4) === 0 ? planVersion(random) : undefined,
    idempotencyKey: random.integer(4) === 0 ? `call ${random.integer(6)}` : undefined,
  });
}

function planVersion(random: SeededRandom): VersionPlan {
  return {
    back: random.pick([0, 0, 0, 1, 2]),
    shift: random.pick([0, 0, 0, 0, -1, 1] as const),
  };
}

function planVerify(random: SeededRandom, by: 0 | 1): ToolStep {
  const narrowed = {
    ...planPrefix(random),
    ...defined({ contents: random.pick([undefined, true, false]) }),
  };
  switch (random.integer(4)) {
    case 0:
      return { by, do: "verify in parts", args: { ...narrowed, limit: 2 + random.integer(4) } };
    case 1:
      return {
        by,
        do: "call",
        tool: "verify_cache_sync",
        args: { ...narrowed, mode: "sample", sampleSize: random.pick([3, 1_000]) },
      };
    default:
      return { by, do: "call", tool: "verify_cache_sync", args: narrowed };
  }
}

function planPrefix(random: SeededRandom): Args {
  return defined({
    prefix: random.pick([undefined, undefined, "", "{tag}", "$", "é", "*", "none"]),
  });
}

function planStrategy(random: SeededRandom): Strategy {
  return random.pick(["auto", "cache", "store", "newest"]);
}

function planSettings(random: SeededRandom): Args {
  return random.pick<Args>([
    {},
    { mode: "event-only" },
    { mode: "hybrid" },
    { mode: null },
    { queued: 3, unprocessed: 50 },
    { poolRatio: 0.5 },
    { poolRatio: null, outboxEvents: 1_000 },
    { poolRatio: 2 },
    { queued: -1 },
  ]);
}

function planDrift(random: SeededRandom, by: 0 | 1, keys: readonly string[]): ToolStep {
  const edits = pickSome(random, keys, 1 + random.integer(3)).map((key) => ({
    key,
    value: random.pick(["edited", "", "$edited é😀"]),
    hash: random.pick(["right", "old"] as const),
  }));
  const shared = { by, edits, strategy: planStrategy(random), andUndo: random.integer(2) === 0 };
  return random.integer(2) === 0
    ? { ...shared, do: "drift, repaired by key" }
    : { ...shared, do: "drift, repaired by plan", writtenMeanwhile: random.integer(2) === 0 };
}

function pickSome<T>(random: SeededRandom, from: readonly T[], count: number): readonly T[] {
  const left = [...from];
  return Array.from({ length: count }, () => left.splice(random.integer(left.length), 1)[0]!);
}

/** Leaves out what is undefined, which is not the same as an argument that is left out. */
function defined(args: Args): Args {
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
}
