import { afterAll, beforeAll } from "@jest/globals";
import { type RedisServer, type StartRedisOptions, startRedis } from "./start-redis.ts";

/** A Redis for the suite around it, there only while its tests run. */
export function useRedis(options: StartRedisOptions): { readonly server: RedisServer } {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis(options);
  });
  afterAll(() => server.close());
  return {
    get server() {
      return server;
    },
  };
}
