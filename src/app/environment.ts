import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { CopyCachePort } from "../cache/copy-cache-port.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { OpenedStore } from "./open-store.ts";

/** What comes into the server from outside, so that a test or a simulation can own it. */
export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Log;
  /** The in-process cache, where one is used; without it the server makes its own. */
  readonly copyCache?: CopyCachePort;
  /** Backends that are open already, in place of the ones that the configuration names. */
  readonly backends?: { readonly redis?: CacheAuthorityPort; readonly store?: OpenedStore };
}
