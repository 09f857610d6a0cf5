import type { Redis } from "ioredis";
import { ALL_BUCKETS, BUCKETS } from "../../../model/bucket.ts";
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

  /**
   * Keys whose marker is older than the age, oldest first; last those whose marker lies further in the future than that. Such a
   * marker is left by a server whose clock has gone back, and how old it is nobody knows: its write must not wait until
   * the clock has caught up.
   */
  async oldest({ ageMs, limit, offset = 0 }: PendingPage): Promise<readonly string[]> {
    const end = offset + limit;
    const before = await this.#scoreAt(ageMs);
    const ranges: (readonly [from: string | number, to: string | number])[] =
      before === "+inf"
        ? [["-inf", "+inf"]]
        : [
            ["-inf", before],
            [`(${before + 2 * ageMs * 1000}`, "+inf"],
          ];
    // Keys spread evenly over the buckets: somewhat more than each one's share nearly always holds the oldest of all.
    for (let share = Math.ceil((end / BUCKETS) * 1.5) + 8; ; share *= BUCKETS) {
      const given = await this.#onEachBucket("pending", (client, pending) =>
        Promise.all(
          ranges.map(async ([from, to]) =>
            pairs(await client.zrangebyscore(pending, from, to, "WITHSCORES", "LIMIT", 0, share)),
          ),
        ),
      );
      const found = given.flat();
      const oldest = found
        .flat()
        .sort((a, b) => a.score - b.score)
        .slice(0, end);
      const cut = (oldest.length < end ? undefined : oldest.at(-1)?.score) ?? Infinity;
      // Whoever gave its whole share has more, which is older than the cut only if its last one is.
      if (found.every((part) => part.length < share || (part.at(-1)?.score ?? 0) >= cut)) {
        return oldest.slice(offset).map(({ member }) => member);
      }
    }
  }

  /** The score of each bucket's oldest marker. */
  async oldestSeqs(): Promise<ReadonlyMap<number, number>> {
    const first = await this.#onEachBucket("oldest pending", async (client, pending) =>
      pairs(await client.zrange(pending, 0, 0, "WITHSCORES")),
    );
    return new Map(
      first.flatMap(([marker], bucket) => (marker === undefined ? [] : [[bucket, marker.score]])),
    );
  }

  /** Up to so many keys of each bucket, by chance. */
  async sample(perBucket: number): Promise<readonly string[]> {
    const samples = await this.#onEachBucket("sample pending", (client, pending) =>
      client.zrandmember(pending, perBucket),
    );
    return (samples as string[][]).flat();
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
    return (await this.#connection.timeUs()) - ageMs * 1000;
  }

  #onEachBucket<T>(
    name: string,
    ask: (client: Redis, pending: string) => Promise<T>,
  ): Promise<T[]> {
    return this.#connection.command(name, (client) =>
      Promise.all(ALL_BUCKETS.map((bucket) => ask(client, pendingKey(bucket)))),
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
