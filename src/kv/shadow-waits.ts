import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { Version } from "../model/version.ts";
import type { Durability } from "./write-path.ts";

/** Between two looks at a shadow that has not got there yet, milliseconds. */
const LOOK_EVERY_MS = 25;

/** How long one look may keep the next from being made, milliseconds. */
const LOOK_LIMIT_MS = 1000;

/** So many keys are looked up at once at most, since their values come along; the others are next. */
const KEYS_MAX = 100;

export interface AwaitedWrite {
  readonly key: string;
  readonly version: Version;
  /** Where the write is safe meanwhile. */
  readonly durable: Durability;
  /** When the caller is told that it took too long, by the clock's monotonic time. */
  readonly deadlineMs: number;
  /** What has to be known before the row alone is believed; if that cannot be known in time, it took too long. */
  readonly check?: () => Promise<"current" | "left_behind">;
}

interface Waiter {
  readonly version: Version;
  arrived: () => void;
}

/** Tells which version the shadow has of each of the keys; a key that it does not have is left out. */
type Look = (keys: readonly string[]) => Promise<ReadonlyMap<string, Version>>;

/**
 * Waits until the shadow has writes that are already durable elsewhere, or newer ones of their keys. All who wait share
 * one look at a time: if each looked for itself, a store that is behind would be asked the more the further it is behind.
 */
export class ShadowWaits {
  readonly #clock: Clock;
  readonly #look: Look;
  readonly #waiting = new Map<string, Set<Waiter>>();
  #isLooking = false;

  constructor(clock: Clock, look: Look) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Error: TIMED_OUT, which takes nothing back. */
  async until({
    key,
    version,
    durable,
    deadlineMs,
    check = async () => "current",
  }: AwaitedWrite): Promise<"current" | "left_behind"> {
    const waiter: Waiter = { version, arrived: () => undefined };
    const arrival = new Promise<void>((arrived) => {
      waiter.arrived = arrived;
    });
    this.#enter(key, waiter);
    const known = arrival.then(check);
    const waited = await within(this.#clock, deadlineMs - this.#clock.monotonicMs(), known);
    if (waited.outcome === "done") return waited.value;
    this.#leave(key, waiter);
    throw new LockstepError(
      "TIMED_OUT",
      `The write stands (version ${version}, safe in the ${durable}), but the shadow did not have it in time.`,
      {
        hint: "Do not write again: the store gets it by itself. verify_key_sync shows when it has.",
      },
    );
  }

  #enter(key: string, waiter: Waiter): void {
    const ofKey = this.#waiting.get(key);
    if (ofKey === undefined) this.#waiting.set(key, new Set([waiter]));
    else ofKey.add(waiter);
    if (!this.#isLooking) void this.#lookWhileAwaited();
  }

  #leave(key: string, waiter: Waiter): void {
    const ofKey = this.#waiting.get(key);
    ofKey?.delete(waiter);
    if (ofKey?.size === 0) this.#waiting.delete(key);
  }

  async #lookWhileAwaited(): Promise<void> {
    this.#isLooking = true;
    while (this.#waiting.size > 0) {
      const keys = [...this.#waiting.keys()].slice(0, KEYS_MAX);
      const looked = await within(this.#clock, LOOK_LIMIT_MS, this.#look(keys));
      // A look that fails says nothing; who waits is told when the time is over.
      const versions = looked.outcome === "done" ? looked.value : new Map<string, Version>();
      for (const key of keys) this.#seen(key, versions.get(key));
      if (this.#waiting.size > 0) await this.#clock.sleep(LOOK_EVERY_MS);
    }
    this.#isLooking = false;
  }

  #seen(key: string, version: Version | undefined): void {
    const ofKey = this.#waiting.get(key);
    if (ofKey === undefined) return;
    for (const waiter of ofKey) {
      if (version === undefined || version < waiter.version) continue;
      waiter.arrived();
      ofKey.delete(waiter);
    }
    // Whoever still waits goes behind those that were not looked for.
    this.#waiting.delete(key);
    if (ofKey.size > 0) this.#waiting.set(key, ofKey);
  }
}
