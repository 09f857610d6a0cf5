import type { Redis } from "ioredis";
import type { Clock } from "../../../lib/clock.ts";
import { readClock } from "../../../lib/clock-reading.ts";
import { ALL_BUCKETS } from "../../../model/bucket.ts";
import type { CacheFacts, CacheFactsPort } from "../../cache-facts-port.ts";
import { NEEDED_COMMANDS } from "./needed-commands.ts";
import { RedisConnection, type RedisConnectionOptions } from "./redis-connection.ts";
import { isRefusal } from "./redis-errors.ts";
import { stateKey } from "./redis-keys.ts";

/** Looks at a Redis on a connection of its own, with commands that only read. */
export class RedisFacts implements CacheFactsPort {
  readonly #connection: RedisConnection;
  readonly #clock: Clock;

  constructor(options: RedisConnectionOptions & { readonly clock: Clock }) {
    this.#connection = new RedisConnection(options);
    this.#clock = options.clock;
  }

  async gather(): Promise<CacheFacts> {
    const policy = await this.#connection.refreshPolicy();
    const { info } = this.#connection;
    const valkeyVersion = info.get("valkey_version");
    return {
      product: valkeyVersion === undefined ? "Redis" : "Valkey",
      version: valkeyVersion ?? info.get("redis_version"),
      role: roleOf(info.get("role")),
      isCluster: info.get("cluster_enabled") === "1",
      policy,
      failsToPersist:
        info.get("rdb_last_bgsave_status") === "err" || info.get("aof_last_write_status") === "err",
      storeIds: await this.#storeIds(),
      refusedCommands: await this.#connection.command("ask what is allowed", refusedCommands),
      clock: await readClock(this.#clock, async () => (await this.#connection.timeUs()) / 1000),
    };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #storeIds(): Promise<readonly string[] | undefined> {
    const named = await this.#connection.unlessHidden("states", (client) =>
      Promise.all(ALL_BUCKETS.map((bucket) => client.hget(stateKey(bucket), "store"))),
    );
    if (named === undefined) return undefined;
    return [...new Set(named.filter((id) => id !== null))];
  }
}

function roleOf(role: string | undefined): CacheFacts["role"] {
  if (role === "master") return "primary";
  return role === "slave" ? "replica" : undefined;
}

/**
 * A server looks at a user's rights when a command is queued in a transaction, and carries it out only with EXEC, which
 * is never sent.
 */
async function refusedCommands(client: Redis): Promise<readonly string[] | undefined> {
  if ((await isRefused(client, ["MULTI"])) === true) return undefined;
  const refused: string[] = [];
  for (const command of NEEDED_COMMANDS) {
    if (await isRefused(client, command)) refused.push(nameOf(command));
  }
  await isRefused(client, ["DISCARD"]);
  return refused;
}

async function isRefused(client: Redis, [name, ...args]: readonly [string, ...string[]]) {
  try {
    await client.call(name, args);
    return false;
  } catch (error) {
    // Full, read-only and the like are told elsewhere; here only what the user may never do counts.
    if (isRefusal(error)) return /^NOPERM\b|unknown command/i.test(error.message);
    throw error;
  }
}

function nameOf([name, subcommand]: readonly [string, ...string[]]): string {
  return name === "SCRIPT" || name === "CONFIG" ? `${name} ${subcommand}` : name;
}
