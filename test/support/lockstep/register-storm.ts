import type { SeededRandom } from "../seeded-random.ts";
import { type Caller, ToolFailure } from "./caller.ts";
import type { RegisterOperation } from "./linearizability.ts";

export interface RegisterStormOptions {
  readonly random: SeededRandom;
  readonly keys: readonly string[];
  /** How many operations each caller has under way at once. */
  readonly concurrency: number;
  readonly stop: () => boolean;
  /** Where to keep what was told, for those who look while the storm goes on. */
  readonly history: RegisterOperation[];
}

/** What the caller knows of a key: no version where it found nothing. */
interface Known {
  readonly version: string | undefined;
  readonly value: string | null;
}

/**
 * Sets, conditional sets, deletes and reads through all callers at once, until told to stop. A caller that goes away in
 * the middle leaves writes that nobody was told of, and does no more. Every value is written once.
 */
export async function registerStorm(
  callers: readonly Caller[],
  options: RegisterStormOptions,
): Promise<void> {
  let writes = 0;
  const worker = async (caller: Caller) => {
    const known = new Map<string, Known>();
    while (!options.stop()) {
      writes += 1;
      if ((await operate(caller, `value ${writes}`, known, options)) === "gone") return;
    }
  };
  await Promise.all(
    callers.flatMap((caller) => Array.from({ length: options.concurrency }, () => worker(caller))),
  );
}

async function operate(
  caller: Caller,
  value: string,
  known: Map<string, Known>,
  { random, keys, history }: RegisterStormOptions,
): Promise<"told" | "gone"> {
  const key = random.pick(keys);
  const dice = random.integer(10);
  if (dice < 4) return read(caller, key, known, history);
  const standing = known.get(key);
  if (dice < 6 && standing !== undefined) {
    const { version, value: requires } = standing;
    const condition = version === undefined ? { ifAbsent: true } : { ifVersion: version };
    const set = () => caller.call("kv_set", { key, value, ...condition });
    return write({ key, value, requires }, set, known, history);
  }
  if (dice < 8) {
    return write({ key, value: null }, () => caller.call("kv_delete", { key }), known, history);
  }
  return write({ key, value }, () => caller.call("kv_set", { key, value }), known, history);
}

async function read(
  caller: Caller,
  key: string,
  known: Map<string, Known>,
  history: RegisterOperation[],
): Promise<"told" | "gone"> {
  const beganMs = performance.now();
  try {
    const { found, version, value } = await caller.call("kv_get", { key });
    const seen = found ? value : null;
    history.push({ op: "read", key, beganMs, endedMs: performance.now(), value: seen });
    known.set(key, { value: seen, version: found ? (version ?? undefined) : undefined });
    return "told";
  } catch (error) {
    return error instanceof ToolFailure ? "told" : "gone";
  }
}

async function write(
  made: {
    readonly key: string;
    readonly value: string | null;
    readonly requires?: string | null;
  },
  call: () => Promise<{ readonly version: string }>,
  known: Map<string, Known>,
  history: RegisterOperation[],
): Promise<"told" | "gone"> {
  const { key, value, requires } = made;
  const beganMs = performance.now();
  try {
    const { version } = await call();
    history.push({ op: "write", ...made, beganMs, endedMs: performance.now() });
    known.set(key, { value, version: value === null ? undefined : version });
    return "told";
  } catch (error) {
    const code = error instanceof ToolFailure ? error.code : undefined;
    if (code === "VERSION_CONFLICT" && requires !== undefined) {
      history.push({ op: "refusal", key, requires, beganMs, endedMs: performance.now() });
      known.delete(key);
    } else if (code !== "STORE_UNAVAILABLE") {
      history.push({ op: "write", ...made, beganMs, endedMs: undefined });
    }
    return code === undefined ? "gone" : "told";
  }
}
