import type { SeededRandom } from "../seeded-random.ts";
import { type Caller, ToolFailure } from "./caller.ts";
import type { Operation } from "./history.ts";

export interface StormOptions {
  readonly random: SeededRandom;
  readonly keys: readonly string[];
  /** Operations in all, spread over the callers. */
  readonly operations: number;
  /** How many operations each caller has under way at once. */
  readonly concurrency?: number;
  /** Appended to every value, to give it weight. */
  readonly padding?: string;
  /** Ends the storm early. */
  readonly stop?: () => boolean;
  /** Where to keep what was told, for those who look while the storm goes on. */
  readonly history?: Operation[];
}

/**
 * Sets, deletes and reads keys through all callers at once, by a seeded plan, and returns what each caller was told.
 * Every value is written once, so that a read tells which write it saw. A refused operation fails the storm; a write of
 * which its caller was told that nobody knows the outcome does not.
 */
export async function storm(
  callers: readonly Caller[],
  {
    random,
    keys,
    operations,
    concurrency = 6,
    padding = "",
    stop = () => false,
    history = [],
  }: StormOptions,
): Promise<readonly Operation[]> {
  let next = 0;
  const worker = async (caller: Caller) => {
    while (next < operations && !stop()) {
      next += 1;
      history.push(await operate(caller, random, random.pick(keys), `value ${next}${padding}`));
    }
  };
  await Promise.all(
    callers.flatMap((caller) => Array.from({ length: concurrency }, () => worker(caller))),
  );
  return history;
}

async function operate(
  caller: Caller,
  random: SeededRandom,
  key: string,
  value: string,
): Promise<Operation> {
  const dice = random.integer(10);
  const beganMs = performance.now();
  if (dice < 4) {
    const { found, version, value: seen } = await caller.call("kv_get", { key });
    const endedMs = performance.now();
    return {
      op: "read",
      key,
      beganMs,
      endedMs,
      seen: found ? { version, value: seen } : undefined,
    };
  }
  const isDelete = dice < 6;
  const written = isDelete ? null : value;
  try {
    const { version } = isDelete
      ? await caller.call("kv_delete", { key })
      : await caller.call("kv_set", { key, value });
    return { op: "write", key, beganMs, endedMs: performance.now(), version, value: written };
  } catch (error) {
    if (!(error instanceof ToolFailure) || error.code !== "UNKNOWN_OUTCOME") throw error;
    return { op: "unknown", key, beganMs, endedMs: performance.now(), value: written };
  }
}
