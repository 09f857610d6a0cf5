import type { Redis } from "ioredis";
import { BUCKETS } from "../../../model/bucket.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { pendingKey } from "./redis-keys.ts";

export interface PendingPage {
  readonly ageMs: number;
  readonly limit: number;
  readonly offset?: number;
}

/** The marks of all buckets, looked at as one list, by age. */
export class PendingMarkers {
  readonly #connection: RedisConnection;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** Keys whose marker is older than the age, oldest first. */
  async oldest({ ageMs, limit, offset = 0 }: PendingPage): Promise<readonly string[]> {
    const end = offset + limit;
    const before = await this.#scoreAt(ageMs);
    // Keys spread evenly over the buckets: somewhat more than each one's share nearly always holds the oldest of all.
    for (let share = Math.ceil((end / BUCKETS) * 1.5) + 8; ; share *= BUCKETS) {
      const found = await this.#onEachBucket("pending", async (client, pending) =>
        pairs(await client.zrangebyscore(pending, "-inf", before, "WITHSCORES", "LIMIT", 0, share)),
      );
      const oldest = found
        .flat()
        .sort((a, b) => a.score - b.score)
        .slice(0, end);
      const cut = (oldest.length < end ? undefined : oldest.at(-1)?.score) ?? Infinity;
      // Whoever gave its whole share has more, which is older than the cut only if its last one is.
      if (found.every((given) => given.length < share || (given.at(-1)?.score ?? 0) >= cut)) {
        return oldest.slice(offset).map(({ member }) => member);
      }
    }
  }

  /** How many markers are older than the age. */
  async count(ageMs: number): Promise<number> {
    const before = await this.#scoreAt(ageMs);
    const counts = await this.#onEachBucket("pending count", (client, pending) =>
      client.zcount(pending, "-inf", before),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The score below which a marker is older than `ageMs`, by the server's clock; the zeroth age means all. */
  async #scoreAt(ageMs: number): Promise<number | "+inf"> {
    if (ageMs <= 0) return "+inf";
    const [seconds, micros] = await this.#connection.command("time", (client) => client.time());
    return Number(seconds) * 1_000_000 + Number(micros) - ageMs * 1000;
  }

  #onEachBucket<T>(
    name: string,
    ask: (client: Redis, pending: string) => Promise<T>,
  ): Promise<T[]> {
    return this.#connection.command(name, (client) =>
      Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => ask(client, pendingKey(bucket)))),
    );
  }
}

function pairs(flat: readonly string[]): { member: string; score: number }[] {
  const found: { member: string; score: number }[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    found.push({ member: flat[i] as string, score: Number(flat[i + 1]) });
  }
  return found;
}
