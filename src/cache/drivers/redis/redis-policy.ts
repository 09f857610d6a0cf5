import type { CachePolicy } from "../../cache-authority-port.ts";
import { showsIncarnation } from "./incarnation.ts";

/** What INFO says, by field name. */
export function parseInfo(info: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/** CONFIG values that INFO does not show; a managed Redis may hide them, then they are undefined. */
export interface HiddenConfig {
  readonly appendfsync: string | undefined;
  readonly save: string | undefined;
}

/**
 * Pinned means that the policy never evicts a key without TTL: noeviction evicts nothing, volatile-* only keys with
 * a TTL. Under allkeys-* an unsynced write may vanish at any moment.
 */
export function policyOf(info: ReadonlyMap<string, string>, config: HiddenConfig): CachePolicy {
  const maxmemoryPolicy = info.get("maxmemory_policy") ?? "unknown";
  return {
    maxmemoryPolicy,
    maxmemoryBytes: Number(info.get("maxmemory") ?? 0),
    pinned: maxmemoryPolicy === "noeviction" || maxmemoryPolicy.startsWith("volatile-"),
    persistence: persistenceOf(info, config),
    serverVersion: info.get("redis_version") ?? "unknown",
    showsIncarnation: showsIncarnation(info),
    evictedKeys: Number(info.get("evicted_keys") ?? 0),
  };
}

function persistenceOf(
  info: ReadonlyMap<string, string>,
  config: HiddenConfig,
): CachePolicy["persistence"] {
  if (info.get("aof_enabled") === "1") {
    const { appendfsync } = config;
    const known = appendfsync === "always" || appendfsync === "everysec" || appendfsync === "no";
    return known ? `aof-${appendfsync}` : "unknown";
  }
  if (config.save === undefined || !info.has("aof_enabled")) return "unknown";
  return config.save === "" ? "none" : "rdb";
}
