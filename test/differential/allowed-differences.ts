import type { ToolName } from "../support/lockstep/tool-answers.ts";
import type { Args, ToolSetting } from "./tool-step.ts";
import { TTL_MAX_SEC } from "./tool-stream.ts";

/** What an answer is compared without, and why the same call may be answered otherwise by another mix of backends. */
interface AllowedDifference {
  readonly because: string;
  readonly fields: readonly string[];
  /** Only in answers of these tools; of all of them where left out. */
  readonly tools?: readonly ToolName[];
  /** What is compared instead; undefined: nothing. Without it, whether there is anything. */
  readonly say?: (value: unknown, circumstances: Circumstances) => unknown;
}

export interface Circumstances {
  readonly args: Args;
  readonly setting: ToolSetting;
  /** The object whose field it is. */
  readonly holder: Readonly<Record<string, unknown>>;
}

const nothing = () => undefined;

const TTL_UNIT_SEC = 600;
const YEAR = inUnits(365 * 24 * 3_600);

/** Versions are the one difference that is not here: they are told in the order in which a key got them. */
const ALLOWED_DIFFERENCES: readonly AllowedDifference[] = [
  {
    because: "Moments and how long things took.",
    fields: ["at", "since", "latencyMs", "tookMs", "ageMs", "lastWriteAt", "expiresAt", "setAt"],
  },
  {
    because: "Names of processes, and what chance makes up.",
    fields: ["process", "setBy", "by", "pid", "planId", "cursor"],
  },
  {
    because: "The fingerprint of a plan covers its versions.",
    fields: ["digest"],
  },
  {
    because: "A second more or less has passed.",
    fields: ["ttlSec"],
    say: (ttlSec) => (typeof ttlSec === "number" ? inUnits(ttlSec) : ttlSec),
  },
  {
    because:
      "Under volatile-* no clean copy stays for ever (docs/ARCHITECTURE.md, Two kinds of TTL): it ends within a year, and is filled again.",
    fields: ["ttlSec"],
    tools: ["get_cache_ttl_info"],
    say: (ttl, { setting }) =>
      setting.maxmemoryPolicy.startsWith("volatile") &&
      (ttl === null || ttl === YEAR || ttl === inUnits(TTL_MAX_SEC))
        ? "a year or more"
        : ttl,
  },
  {
    because:
      "Which way a write goes depends on who decides (docs/ARCHITECTURE.md, Who decides), on the load, and on whether there is a journal; who waits for the shadow gets the shadow.",
    fields: ["durable"],
    say: (durable, { args }) => (args["ack"] === "shadow" ? durable : undefined),
  },
  {
    because: "As above; and MongoDB alone has no event path, of which it warns.",
    fields: ["method", "strategy", "reason", "wouldUse", "warning"],
    tools: [
      "kv_set",
      "kv_delete",
      "hybrid_sync_manual",
      "hybrid_sync_adaptive",
      "hybrid_sync_delete",
      "hybrid_sync_load_check",
      "hybrid_sync_configure",
    ],
    say: nothing,
  },
  {
    because:
      "Who waits for the cache alone is not told what only the store knows (docs/TOOLS.md, kv_delete).",
    fields: ["existed"],
    say: (existed, { args }) => (args["ack"] === "cache" ? undefined : existed),
  },
  {
    because: "Store first, a read asks the store whenever a copy might be behind.",
    fields: ["source"],
    tools: ["kv_get"],
    say: nothing,
  },
  {
    because: "Of what is gone, a Redis remembers the end for a while, and a process keeps no copy.",
    fields: ["cacheVersion", "cause"],
    say: (value, { holder }) => (isGone(holder) ? undefined : value),
  },
  {
    because:
      "What has expired is in the process until something takes its place, and read as gone.",
    fields: ["cacheValue"],
    say: (value, { holder }) => (holder["verdict"] === "expired" ? undefined : value),
  },
  {
    because:
      "Without Redis each process has its own copies, so what one has read is cold in the other.",
    fields: ["counts"],
    say: (counts, { setting }) => {
      if (setting.instances === 1) return counts;
      const { ok, cold, ...others } = counts as Readonly<Record<string, number>>;
      return { ...others, alike: (ok ?? 0) + (cold ?? 0) };
    },
  },
  {
    because: "As above: a process without Redis lists its own copies.",
    fields: ["keys", "total", "truncated"],
    tools: ["get_cache_ttl_info"],
    say: (value, { setting }) => (setting.instances === 1 ? value : undefined),
  },
  {
    because:
      "How a write reaches the shadow and when a copy is filled is what the modes differ in; that it was made, repaired or undone, by whom and in which order, is not.",
    fields: ["events"],
    tools: ["explain_key"],
    say: (events, { setting }) =>
      (events as readonly Readonly<Record<string, unknown>>[])
        .filter(({ what }) => told(setting).includes(String(what)))
        .map(({ what, how, version, sessionId, interactionId }) => ({
          what,
          how,
          version,
          sessionId,
          interactionId,
        })),
  },
  {
    because: "What a process has counted and measured follows from the above.",
    fields: [
      "pool",
      "successRate",
      "failureRate",
      "methods",
      "cacheCircuit",
      "recovery",
      "inputs",
      "thresholds",
    ],
    tools: ["hybrid_sync_stats", "hybrid_sync_load_check"],
    say: nothing,
  },
  {
    because: "A process hears within five seconds of what another one has set.",
    fields: ["mode"],
    tools: ["hybrid_sync_stats"],
    say: (mode, { setting }) => (setting.instances === 1 ? mode : undefined),
  },
  {
    because: "A sample that is not all keys meets others each time.",
    fields: ["counts", "mismatches", "sample", "says", "keysChecked"],
    tools: ["verify_cache_sync"],
    say: (value, { args }) =>
      args["mode"] === "sample" && args["sampleSize"] === 3 ? undefined : value,
  },
];

/** A process hears within a second of what another one has repaired. */
function told({ instances }: ToolSetting): readonly string[] {
  return instances === 1 ? ["written", "repaired", "undone"] : ["written"];
}

function inUnits(ttlSec: number): string {
  return `${Math.ceil(ttlSec / TTL_UNIT_SEC)} x 10 min`;
}

/** The answer without what may differ. */
export function withoutAllowed(
  tool: ToolName,
  answer: unknown,
  asked: Pick<Circumstances, "args" | "setting">,
): unknown {
  if (Array.isArray(answer)) return answer.map((one) => withoutAllowed(tool, one, asked));
  if (!isObject(answer)) return answer;
  const fields = Object.entries(answer).map(([name, value]) => {
    const rules = ALLOWED_DIFFERENCES.filter(
      ({ fields: named, tools }) => named.includes(name) && tools?.includes(tool) !== false,
    );
    const said = rules.reduce<unknown>((before, { say = isThere }) => {
      return before === undefined ? undefined : say(before, { ...asked, holder: answer });
    }, value);
    return [name, withoutAllowed(tool, said, asked)];
  });
  return Object.fromEntries(fields);
}

function isThere(value: unknown): unknown {
  return value === null ? null : "something";
}

/** Of a look, or of a repair, which tells what it saw before. */
function isGone({ verdict, before }: Readonly<Record<string, unknown>>): boolean {
  if (isObject(before)) return isGone(before);
  return verdict === "deleted" || verdict === "expired";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
