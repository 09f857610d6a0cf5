import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import { policyWarnings } from "../cache/policy-warnings.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { WorkerLoop } from "../lib/worker-loop.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { StorePort } from "../store/store-port.ts";

const RETRY_MS = 1000;

/**
 * Ties the Redis to its store: at start, and if either is down then, again every second until both have answered. While
 * only Redis answers, the store that it already names is taken on trust, so that writes go on during a store outage.
 */
export class CacheLink {
  readonly #cache: CacheAuthorityPort;
  readonly #store: StorePort;
  readonly #log: Log;
  readonly #loop: WorkerLoop;
  #linked = false;
  #warned = false;

  constructor(cache: CacheAuthorityPort, store: StorePort, clock: Clock, log: Log) {
    this.#cache = cache;
    this.#store = store;
    this.#log = log;
    this.#loop = new WorkerLoop(clock, RETRY_MS, () => this.#retry());
  }

  /** Tries once and goes on in the background where that was not enough. Error: STORE_MISMATCH. */
  async start(): Promise<void> {
    await this.#attempt();
    if (!this.#linked) this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #retry(): Promise<void> {
    if (this.#linked) return;
    try {
      await this.#attempt();
    } catch (error) {
      this.#log.error({ err: error }, "This Redis belongs to another store; every call is refused");
    }
  }

  async #attempt(): Promise<void> {
    try {
      const storeId = await this.#store.storeId().catch(() => undefined);
      const outcome = await this.#cache.bindStore(storeId);
      this.#warnOfPolicy();
      this.#linked = outcome === "bound" && storeId !== undefined;
    } catch (error) {
      if (LockstepError.codeOf(error) === "STORE_MISMATCH") throw error;
      this.#log.debug({ err: error }, "Redis does not answer yet");
    }
  }

  #warnOfPolicy(): void {
    const { policy } = this.#cache;
    if (policy === undefined || this.#warned) return;
    this.#warned = true;
    for (const warning of policyWarnings(policy))
      this.#log.warn({ maxmemoryPolicy: policy.maxmemoryPolicy }, warning);
  }
}
