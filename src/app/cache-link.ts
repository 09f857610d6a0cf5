import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { policyWarnings } from "../cache/policy-warnings.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import { isFinal } from "../model/lockstep-error.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Recovery } from "../sync/recovery.ts";
import { storeIdUnlessDown } from "./first-contact.ts";

/** Between two attempts, and between two looks at the policy, milliseconds. */
const TICK_MS = 1000;

/**
 * On every so many ticks a linked Redis is looked at again: whoever changes the policy of a running Redis changes what a
 * write is promised.
 */
const LOOK_EVERY_TICKS = 5;

/**
 * Ties the Redis to its store: at start, and if either is down then, again every second until both have answered. While
 * only Redis answers, the store that it already names is taken on trust, so that writes go on during a store outage.
 * Afterwards it keeps an eye on the eviction policy, on the tie, and on what the buckets know of their state: one that
 * has lost it is recovered before a call meets it.
 */
export class CacheLink {
  readonly #cache: CacheAuthorityPort;
  readonly #store: StorePort;
  readonly #recovery: Recovery;
  readonly #log: Log;
  readonly #loop: WorkerLoop;
  #linked = false;
  #storeId: string | undefined;
  #refused = false;
  #ticks = 0;
  #warned = new Set<string>();

  constructor(parts: {
    readonly cache: CacheAuthorityPort;
    readonly store: StorePort;
    readonly recovery: Recovery;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#cache = parts.cache;
    this.#store = parts.store;
    this.#recovery = parts.recovery;
    this.#log = parts.log;
    this.#loop = new WorkerLoop(parts.clock, TICK_MS, () => this.#tick());
  }

  /** Tries once, and goes on in the background. Errors: STORE_MISMATCH, SCHEMA_TOO_NEW. */
  async start(): Promise<void> {
    await this.#attempt();
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #tick(): Promise<void> {
    this.#ticks += 1;
    try {
      if (!this.#linked) await this.#attempt();
      else if (this.#ticks % LOOK_EVERY_TICKS === 0) await this.#lookAgain();
    } catch (error) {
      // Once: nothing but a person can change it, and each call tells it anew.
      if (!this.#refused)
        this.#log.error({ err: error }, "This store cannot be used with this Redis");
      this.#refused = true;
    }
  }

  /** The server at the other end may have become another one (a failover and back), or have changed its policy. */
  async #lookAgain(): Promise<void> {
    try {
      await this.#cache.refreshPolicy();
      this.#warnOfPolicy();
      await this.#cache.bindStore(this.#storeId);
      this.#refused = false;
      await this.#recovery.recoverAll();
    } catch (error) {
      if (isFinal(error)) throw error;
      this.#log.debug({ err: error }, "Redis does not answer now");
    }
  }

  async #attempt(): Promise<void> {
    try {
      const storeId = await storeIdUnlessDown(this.#store);
      const outcome = await this.#cache.bindStore(storeId);
      this.#warnOfPolicy();
      this.#storeId = storeId;
      if (outcome !== "bound" || storeId === undefined) return;
      await this.#recovery.recoverAll();
      this.#linked = true;
    } catch (error) {
      if (isFinal(error)) throw error;
      this.#log.debug({ err: error }, "Redis does not answer yet");
    }
  }

  /** Each warning once for as long as it holds. */
  #warnOfPolicy(): void {
    const { policy } = this.#cache;
    if (policy === undefined) return;
    const warnings = policyWarnings(policy);
    for (const warning of warnings) {
      if (!this.#warned.has(warning)) {
        this.#log.warn({ maxmemoryPolicy: policy.maxmemoryPolicy }, warning);
      }
    }
    this.#warned = new Set(warnings);
  }
}
