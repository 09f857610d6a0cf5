import type { CacheFill } from "../../cache-authority-port.ts";
import type { PendingMarkers } from "./pending-markers.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { parseInfo } from "./redis-policy.ts";

/** Pending keys of each bucket whose sizes stand for all of them. */
const SAMPLE_PER_BUCKET = 4;

/** Meta, marker and Redis' own keeping of a pending key, beside the bytes of key and value. */
const PENDING_OVERHEAD_BYTES = 400;

/** How full the server is and of what, by some dozens of small commands in three round trips, whatever it holds. */
export async function measureFill(
  connection: RedisConnection,
  markers: PendingMarkers,
): Promise<CacheFill> {
  const [info, pending] = await Promise.all([
    readInfo(connection),
    measurePending(connection, markers),
  ]);
  const { usedBytes, limitBytes } = memoryOf(info);
  return { ...pending, usedBytes, limitBytes, heldBytes: heldBytes(info, pending) };
}

/** Bytes in use and where they end, by INFO. Without maxmemory the end is that of the machine. */
export function memoryOf(
  info: ReadonlyMap<string, string>,
): Pick<CacheFill, "usedBytes" | "limitBytes"> {
  const used = numberOf(info, "used_memory");
  const limit = numberOf(info, "maxmemory") || numberOf(info, "total_system_memory");
  return {
    // Buffers for replicas and the append-only file do not count towards the limit.
    usedBytes: used && used - (numberOf(info, "mem_not_counted_for_evict") ?? 0),
    limitBytes: limit || undefined,
  };
}

/**
 * What the server cannot let go: all of it where it evicts nothing, and under volatile-* what has no TTL, since the
 * writes that wait for the store are not all there is of that. Redis tells how many keys have one and not how large they are, so
 * those that do not wait count as equally large. It is exact where it matters: where nothing is left that could be evicted.
 */
export function heldBytes(
  info: ReadonlyMap<string, string>,
  pending: Pick<CacheFill, "pendingKeys" | "pendingBytes">,
): number | undefined {
  const { usedBytes } = memoryOf(info);
  const policy = info.get("maxmemory_policy");
  if (usedBytes === undefined || policy === undefined || policy === "noeviction") return usedBytes;
  if (!policy.startsWith("volatile-")) return undefined;
  const dataBytes = numberOf(info, "used_memory_dataset") ?? usedBytes;
  const { keys, expiring } = keysOf(info);
  // Each that waits has a value and a meta.
  const otherKeys = Math.max(0, keys - 2 * pending.pendingKeys);
  const otherBytes = Math.max(0, dataBytes - pending.pendingBytes);
  const evictable = otherKeys === 0 ? 0 : otherBytes * Math.min(1, expiring / otherKeys);
  return Math.round(usedBytes - evictable);
}

/** Keys of all databases, which share one memory, and how many of them have a TTL. */
function keysOf(info: ReadonlyMap<string, string>): { keys: number; expiring: number } {
  const total = { keys: 0, expiring: 0 };
  for (const [name, value] of info) {
    const [, keys, expiring] = /^keys=(\d+),expires=(\d+)/.exec(value) ?? [];
    if (!/^db\d+$/.test(name) || keys === undefined) continue;
    total.keys += Number(keys);
    total.expiring += Number(expiring);
  }
  return total;
}

function numberOf(info: ReadonlyMap<string, string>, field: string): number | undefined {
  const value = Number(info.get(field));
  return Number.isFinite(value) ? value : undefined;
}

/** Empty where the server does not allow the question. */
async function readInfo(connection: RedisConnection): Promise<ReadonlyMap<string, string>> {
  const sections = await connection.unlessHidden("INFO", (client) =>
    Promise.all([client.info("memory"), client.info("keyspace")]),
  );
  return parseInfo((sections ?? []).join("\r\n"));
}

async function measurePending(
  connection: RedisConnection,
  markers: PendingMarkers,
): Promise<Pick<CacheFill, "pendingKeys" | "pendingBytes" | "oldestPendingMs">> {
  const [nowUs, pendingKeys, oldestSeqs] = await Promise.all([
    connection.timeUs(),
    markers.count(0),
    markers.oldestSeqs(),
  ]);
  if (pendingKeys === 0 || oldestSeqs.size === 0)
    return { pendingKeys: 0, pendingBytes: 0, oldestPendingMs: null };
  const oldestUs = Math.min(...oldestSeqs.values());
  const meanBytes = await sampleMeanBytes(connection, markers);
  return {
    pendingKeys,
    pendingBytes: Math.round(pendingKeys * meanBytes),
    oldestPendingMs: Math.max(0, Math.round((nowUs - oldestUs) / 1000)),
  };
}

/** Keys spread evenly over the buckets, so as many of each make a fair sample. */
async function sampleMeanBytes(
  connection: RedisConnection,
  markers: PendingMarkers,
): Promise<number> {
  const keys = await markers.sample(SAMPLE_PER_BUCKET);
  if (keys.length === 0) return 0;
  const sizes = await connection.command("pending sizes", (client) =>
    Promise.all(
      keys.map(async (key) => {
        // Of another type: some other program has put something in its place, which is not ours to measure.
        const valueBytes = await client.strlen(key).catch(() => 0);
        return valueBytes + 3 * Buffer.byteLength(key) + PENDING_OVERHEAD_BYTES;
      }),
    ),
  );
  return sizes.reduce((sum, bytes) => sum + bytes, 0) / sizes.length;
}
