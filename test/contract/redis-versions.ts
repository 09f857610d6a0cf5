/** The newest server at hand and the oldest that is supported: scripts behave differently in the two. */
export const REDIS_VERSIONS = [
  { needs: "redis", name: "Redis", version: "system" },
  { needs: "redis-6.2", name: "Redis 6.2", version: "6.2" },
] as const;
