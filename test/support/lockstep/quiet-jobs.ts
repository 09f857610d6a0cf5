/** What chance or the time of day sets off is for tests that ask for it, and in no other test's way. */
export const QUIET_JOBS = {
  LOCKSTEP_SAMPLER: "false",
  LOCKSTEP_CHECK_CRON: "off",
  LOCKSTEP_RECONCILE_CRON: "off",
} as const;
