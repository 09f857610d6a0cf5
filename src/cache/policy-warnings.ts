import type { CachePolicy } from "./cache-authority-port.ts";

/** What is unsafe for writes that the store does not have yet, each with the setting that would mend it. */
export function policyWarnings(policy: CachePolicy): readonly string[] {
  const warnings: string[] = [];
  if (!policy.pinned) {
    warnings.push(
      `Redis may evict any key (maxmemory-policy ${policy.maxmemoryPolicy}), so it cannot hold a write that the store does not have: writes are acknowledged by the store or its outbox only, and fail while the store is down. Set maxmemory-policy to noeviction or volatile-lru to let Redis be the journal.`,
    );
  } else if (policy.persistence === "none") {
    warnings.push(
      "Redis keeps nothing on disk, so a restart loses the writes that the store does not have yet. Set appendonly yes (appendfsync everysec loses at most a second).",
    );
  } else if (policy.persistence === "rdb" || policy.persistence === "aof-no") {
    warnings.push(
      "Redis writes to disk only now and then, so a crash may lose minutes of writes that the store does not have yet. Set appendonly yes and appendfsync everysec.",
    );
  } else if (policy.persistence === "unknown") {
    warnings.push(
      "Redis hides how it persists (CONFIG is not allowed), so what a crash can lose is not known.",
    );
  }
  if (policy.maxmemoryPolicy === "noeviction" && policy.maxmemoryBytes > 0) {
    warnings.push(
      "Redis evicts nothing (noeviction), so new writes are refused when maxmemory is nearly reached. volatile-lru lets clean values go instead.",
    );
  }
  if (!policy.showsIncarnation) {
    warnings.push(
      "Redis does not tell its run id (INFO is not allowed or hides it), so only a Redis that comes back empty is noticed to have lost writes, and not one that comes back with older data. Allow INFO.",
    );
  }
  return warnings;
}
