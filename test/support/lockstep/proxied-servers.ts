import { FaultProxy } from "../servers/fault-proxy.ts";
import type { Variables } from "./open-lockstep.ts";
import type { Backends } from "./use-backends.ts";

/** Ways of their own to the servers of a test, for one process that is to be held up or cut off. */
export class ProxiedServers {
  readonly redis: FaultProxy;
  readonly mongo: FaultProxy;
  readonly #backends: Backends;

  private constructor(redis: FaultProxy, mongo: FaultProxy, backends: Backends) {
    this.redis = redis;
    this.mongo = mongo;
    this.#backends = backends;
  }

  static async open(backends: Backends): Promise<ProxiedServers> {
    const mongoPort = Number(new URL(backends.mongo.uri).port);
    const [redis, mongo] = await Promise.all([
      FaultProxy.open(backends.redis.port),
      FaultProxy.open(mongoPort),
    ]);
    return new ProxiedServers(redis, mongo, backends);
  }

  /** As {@link Backends.variables}, by these ways; whoever is held up does not give up by itself. */
  variables(more: Variables = {}): Variables {
    const { REDIS_URL = "", MONGODB_URI = "" } = this.#backends.variables();
    return {
      REDIS_URL: withPort(REDIS_URL, this.redis.port),
      MONGODB_URI: `${withPort(MONGODB_URI, this.mongo.port)}?directConnection=true`,
      LOCKSTEP_SYNC_TIMEOUT_MS: "60000",
      ...more,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.redis.close(), this.mongo.close()]);
  }
}

function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
