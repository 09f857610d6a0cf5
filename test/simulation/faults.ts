import type { SeededRandom } from "../support/seeded-random.ts";

/** How often something goes wrong with one message, as a share of all; each seed has its own mix. */
export interface MessageFaults {
  /** The request gets nowhere. */
  readonly lostRequest: number;
  /** The request is carried out, and its sender hears nothing. */
  readonly lostReply: number;
  /** The request is carried out seconds later, often after its sender has given up. */
  readonly lateRequest: number;
  /** The reply comes seconds later. */
  readonly lateReply: number;
  /** The request is carried out twice. */
  readonly duplicate: number;
  /** The sender crashes before its request is carried out, or right after. */
  readonly crash: number;
  /** The sender stands still before it hears the reply. */
  readonly pause: number;
}

/** What happens to servers and machines as a whole, and how long it goes on between two of them on average, milliseconds; undefined = never. */
export interface WorldFaults {
  readonly crash: number | undefined;
  readonly pause: number | undefined;
  readonly storeDown: number | undefined;
  readonly redisDown: number | undefined;
  /** Messages between one machine, or all, and a server are lost, or held until it ends. */
  readonly partition: number | undefined;
  readonly eviction: number | undefined;
  /** Not a time but the share of acknowledged copies, and of those that nothing pins, that are evicted at once. */
  readonly evictionAtOnce: number;
  readonly policyFlip: number | undefined;
  /** Redis is restarted, or a replica promoted, with what it held up to two seconds before. */
  readonly rollback: number | undefined;
  readonly clockStep: number | undefined;
}

export interface FaultMix {
  readonly messages: MessageFaults;
  readonly world: WorldFaults;
}

export const NO_FAULTS: FaultMix = {
  messages: {
    lostRequest: 0,
    lostReply: 0,
    lateRequest: 0,
    lateReply: 0,
    duplicate: 0,
    crash: 0,
    pause: 0,
  },
  world: {
    crash: undefined,
    pause: undefined,
    storeDown: undefined,
    redisDown: undefined,
    partition: undefined,
    eviction: undefined,
    evictionAtOnce: 0,
    policyFlip: undefined,
    rollback: undefined,
    clockStep: undefined,
  },
};

/**
 * A mix of a few kinds of faults. Not all of them at once: where everything fails, little is acknowledged, and what one
 * kind would show another one hides. `flipsPolicy`: some mixes also change the eviction policy under running processes.
 * The guarantees do not cover that: each process finds out for itself, and until then promises what it cannot keep.
 */
export function mixFaults(random: SeededRandom, flipsPolicy = false): FaultMix {
  const share = (most: number) => (random.fraction() < 0.4 ? random.pick([0.1, 0.3, 1]) * most : 0);
  const everyMs = (ms: number) =>
    random.fraction() < 0.35 ? random.pick([1, 2, 4]) * ms : undefined;
  return {
    messages: {
      lostRequest: share(0.03),
      lostReply: share(0.05),
      lateRequest: share(0.05),
      lateReply: share(0.05),
      duplicate: share(0.1),
      crash: share(0.01),
      pause: share(0.02),
    },
    world: {
      crash: everyMs(6_000),
      pause: everyMs(4_000),
      storeDown: everyMs(6_000),
      redisDown: everyMs(8_000),
      partition: everyMs(5_000),
      eviction: everyMs(50),
      evictionAtOnce: share(0.5),
      policyFlip: flipsPolicy && random.fraction() < 0.3 ? 8_000 : undefined,
      rollback: random.fraction() < 0.15 ? random.pick([6_000, 15_000]) : undefined,
      clockStep: everyMs(4_000),
    },
  };
}
