import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { type OpenLockstep, openLockstep } from "../support/lockstep/open-lockstep.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";

const limited = ["--maxmemory", "64mb", "--maxmemory-policy"];
const persistent = ["--appendonly", "yes", "--appendfsync", "everysec"];

describeWith(["redis"], "what an operator reads about a Redis at the start", () => {
  let folder: string;
  let redis: RedisServer | undefined;
  let lockstep: OpenLockstep | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-policy-"));
  });

  afterEach(async () => {
    await lockstep?.close();
    await redis?.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    { args: [...limited, "allkeys-lru"], authority: "unpinned", warnings: ["allkeys-lru"] },
    { args: [...limited, "allkeys-random"], authority: "unpinned", warnings: ["allkeys-random"] },
    { args: [...limited, "volatile-ttl"], authority: "pinned", warnings: ["nothing on disk"] },
    { args: [...limited, "volatile-lru", ...persistent], authority: "pinned", warnings: [] },
    {
      args: [...limited, "noeviction", ...persistent],
      authority: "pinned",
      warnings: ["new writes are refused when maxmemory is nearly reached"],
    },
    {
      args: ["--rename-command", "CONFIG", ""],
      authority: "pinned",
      warnings: ["CONFIG is not allowed"],
    },
  ])("is $authority and $warnings for $args", async ({ args, authority, warnings }) => {
    redis = await startRedis({ args });
    lockstep = await openLockstep({
      REDIS_URL: redis.url,
      LOCKSTEP_SQLITE_FILE: join(folder, "store.db"),
    });

    const expected = warnings.map((part) => expect.stringContaining(part));
    expect(await lockstep.app.health()).toMatchObject({
      ready: true,
      authority: `cache-first-${authority}`,
      warnings: expected,
    });
    expect(lockstep.log.messages("warn")).toEqual(expected);
    expect(await lockstep.call("kv_set", { key: "a", value: "v" })).toMatchObject({
      method: "ASYNC_THREAD",
      durable: "shadow",
    });
  });
});
