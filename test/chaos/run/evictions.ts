import { Redis } from "ioredis";
import type { RedisServer } from "../../support/servers/start-redis.ts";

const KINDS = { m: "meta", p: "markers", s: "state", l: "lease" } as const;

export type KeyKind = "value" | (typeof KINDS)[keyof typeof KINDS];

/** What a Redis key is to Lockstep. */
export function kindOf(redisKey: string): KeyKind {
  const letter = /^lockstep:([mpsl]):/.exec(redisKey)?.[1];
  return letter === undefined ? "value" : KINDS[letter as keyof typeof KINDS];
}

/** Counts what Redis evicts, by kind. The server must run with `notify-keyspace-events Ee`. */
export class EvictionCount {
  readonly counts = new Map<KeyKind, number>();
  readonly #client: Redis;

  private constructor(client: Redis) {
    this.#client = client;
    client.on("message", (_channel: string, redisKey: string) => this.#count(kindOf(redisKey)));
  }

  static async of(server: RedisServer): Promise<EvictionCount> {
    const client = new Redis(server.url);
    client.on("error", () => undefined);
    const count = new EvictionCount(client);
    await client.subscribe("__keyevent@0__:evicted");
    return count;
  }

  close(): void {
    this.#client.disconnect();
  }

  #count(kind: KeyKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
}
