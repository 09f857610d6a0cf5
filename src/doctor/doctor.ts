import type { CacheFacts, CacheFactsPort } from "../cache/cache-facts-port.ts";
import type { Clock } from "../lib/clock.ts";
import { type Bounded, within } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { StoreFacts, StoreFactsPort } from "../store/store-facts-port.ts";
import { type Finding, ok, problem, worstOf } from "./finding.ts";
import { type AlertWays, judgeAlerts } from "./judge-alerts.ts";
import { judgeBinding } from "./judge-binding.ts";
import { judgeCache } from "./judge-cache.ts";
import { judgeClocks, type NamedClocks } from "./judge-clocks.ts";
import { judgeProcess } from "./judge-process.ts";
import { judgeStore } from "./judge-store.ts";

/** How long one backend may take to tell all, milliseconds; a driver gives up on a silent one before. */
const GATHER_LIMIT_MS = 20_000;

export interface Diagnosis {
  /** The worst state of the findings. */
  readonly state: Finding["state"];
  readonly findings: readonly Finding[];
  /** Whether both sides answered and hold something already, so that there is something to compare. */
  readonly hasData: boolean;
}

export interface DoctorParts {
  /** Undefined where the cache is inside the process: there is nothing to look at. */
  readonly cache: CacheFactsPort | undefined;
  readonly store: StoreFactsPort;
  readonly clock: Clock;
  readonly nodeVersion: string;
  readonly configWarnings: readonly string[];
  readonly alertWays: AlertWays;
}

/**
 * Looks at everything that Lockstep needs, and changes nothing. Both backends are asked at once, and one that does not
 * answer is a finding like any other.
 */
export class Doctor {
  readonly #parts: DoctorParts;

  constructor(parts: DoctorParts) {
    this.#parts = parts;
  }

  async examine(): Promise<Diagnosis> {
    const { cache, store, clock } = this.#parts;
    const [cacheLook, storeLook] = await Promise.all([
      cache && within(clock, GATHER_LIMIT_MS, cache.gather()),
      within(clock, GATHER_LIMIT_MS, store.gather()),
    ]);
    const cacheFacts = cacheLook && factsOf(cacheLook);
    const storeFacts = factsOf(storeLook);
    const findings = [
      ...judgeProcess(this.#parts),
      ...(cacheLook === undefined
        ? [ok("cache", "It is inside the process (no REDIS_URL).")]
        : sideFindings("redis connection", cacheLook, judgeCache)),
      ...sideFindings("store connection", storeLook, judgeStore),
      ...(cacheLook === undefined ? [] : [bindingOf(cacheFacts, storeFacts)]),
      judgeClocks(clocksOf(cacheFacts, storeFacts)),
      judgeAlerts(this.#parts.alertWays),
    ];
    return {
      state: worstOf(findings),
      findings,
      hasData: storeFacts?.storeId !== undefined && cacheFacts?.storeIds?.length !== 0,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#parts.cache?.close(), this.#parts.store.close()]);
  }
}

function factsOf<T>(look: Bounded<T>): T | undefined {
  return look.outcome === "done" ? look.value : undefined;
}

function sideFindings<T>(
  check: string,
  look: Bounded<T>,
  judge: (facts: T) => readonly Finding[],
): readonly Finding[] {
  switch (look.outcome) {
    case "done":
      return [ok(check, "It answers."), ...judge(look.value)];
    case "timed_out":
      return [
        problem(
          check,
          `It did not tell all within ${GATHER_LIMIT_MS} ms.`,
          "Look at its load and at the network.",
        ),
      ];
    case "failed": {
      const { error } = look;
      if (error instanceof LockstepError)
        return [problem(check, `${error.code}: ${error.message}`, error.hint)];
      throw error;
    }
  }
}

function bindingOf(cache: CacheFacts | undefined, store: StoreFacts | undefined): Finding {
  const storeId = store === undefined ? undefined : (store.storeId ?? null);
  return judgeBinding({ named: cache?.storeIds, storeId });
}

function clocksOf(cache: CacheFacts | undefined, store: StoreFacts | undefined): NamedClocks {
  return {
    ...(cache === undefined ? {} : { Redis: cache.clock }),
    ...(store?.kind === "mongodb" ? { MongoDB: store.clock } : {}),
  };
}
