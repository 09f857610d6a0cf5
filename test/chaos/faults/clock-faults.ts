import type { FaultKind } from "./fault.ts";

/** Within the life of every value and tombstone of a run; and far beyond that of a lease. */
const STEP_MAX_SEC = 900;

/** Somebody, or a virtual machine that was moved, sets Redis' clock, by which versions are minted. */
export const stepRedisClock: FaultKind = (random) => {
  const aheadSec = random.integer(2 * STEP_MAX_SEC) - STEP_MAX_SEC;
  return {
    subject: "redis",
    name: `Redis' clock is set to ${aheadSec} s ahead`,
    begin: async (world) => world.clocks.redis?.set(aheadSec),
    end: async (world) => world.clocks.redis?.set(0),
  };
};

export const stepServerClock: FaultKind = (random, { servers }) => {
  const at = random.integer(servers);
  const aheadSec = random.integer(2 * STEP_MAX_SEC) - STEP_MAX_SEC;
  return {
    subject: "server",
    name: `the clock of server-${at} is set to ${aheadSec} s ahead`,
    begin: async (world) => world.clocks.servers[at]?.set(aheadSec),
    end: async (world) => world.clocks.servers[at]?.set(0),
  };
};
