import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from "@jest/globals";
import { Redis } from "ioredis";
import { examine as examineEnvironment } from "../../src/cli/run-doctor.ts";
import type { Diagnosis } from "../../src/doctor/doctor.ts";
import { REDIS_VERSIONS } from "../contract/redis-versions.ts";
import { openLockstep } from "../support/lockstep/open-lockstep.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";

const examine = (env: Readonly<Record<string, string>>) => examineEnvironment({ env });

const stateOf = ({ findings }: Diagnosis, check: string) =>
  findings.find((one) => one.check === check)?.state;

for (const { needs, name, version } of REDIS_VERSIONS) {
  describeWith([needs], `The doctor at ${name}`, () => {
    let server: RedisServer;
    let operator: Redis;
    let folder: string;
    let variables: Readonly<Record<string, string>>;

    beforeAll(async () => {
      server = await startRedis({
        version,
        args: ["--maxmemory", "100mb", "--maxmemory-policy", "volatile-lru", "--appendonly", "yes"],
      });
      operator = new Redis(server.url);
    });

    beforeEach(() => {
      // The client's own word on an INFO that is not allowed.
      jest.spyOn(console, "warn").mockImplementation(() => undefined);
      folder = mkdtempSync(join(tmpdir(), "lockstep-doctor-"));
      variables = { REDIS_URL: server.url, LOCKSTEP_SQLITE_FILE: join(folder, "lockstep.db") };
    });

    afterEach(async () => {
      jest.restoreAllMocks();
      await operator.config("SET", "maxmemory-policy", "volatile-lru");
      await operator.config("SET", "appendonly", "yes");
      await operator.flushall();
      rmSync(folder, { recursive: true, force: true });
    });

    afterAll(async () => {
      operator.disconnect();
      await server.close();
    });

    it("finds a new deployment fine, and leaves nothing behind in it", async () => {
      const diagnosis = await examine(variables);

      // How much of the machine's disk is free is not this test's.
      const found = diagnosis.findings.filter(({ check }) => check !== "sqlite disk");
      expect(found.filter(({ state }) => state !== "ok")).toEqual([]);
      expect(diagnosis.hasData).toBe(false);
      expect(await operator.dbsize()).toBe(0);
    });

    it("finds a deployment fine that is in use", async () => {
      const lockstep = await openLockstep(variables);
      await lockstep.call("kv_set", { key: "a", value: "1" });

      const diagnosis = await examine(variables);

      await lockstep.close();
      expect(stateOf(diagnosis, "store binding")).toBe("ok");
      expect(stateOf(diagnosis, "sqlite indexes")).toBe("ok");
      expect(diagnosis.hasData).toBe(true);
    });

    it("sees a policy that may evict anything, and a disk that keeps nothing", async () => {
      await operator.config("SET", "maxmemory-policy", "allkeys-lru");
      expect(stateOf(await examine(variables), "redis eviction")).toBe("warning");

      await operator.config("SET", "maxmemory-policy", "volatile-lru");
      await operator.config("SET", "appendonly", "no");
      await operator.config("SET", "save", "");
      expect(stateOf(await examine(variables), "redis persistence")).toBe("warning");
    });

    it("names what an ACL forbids, without having done any of it", async () => {
      const rights = ["on", ">s3cret", "~*", "&*", "+@all", "-unlink", "-script", "-config"];
      await operator.call("ACL", "SETUSER", "app", ...rights);
      await operator.set("doctor:lockstep", "somebody's");
      const url = server.url.replace("redis://", "redis://app:s3cret@");

      const { findings } = await examine({ ...variables, REDIS_URL: url });

      expect(findings).toContainEqual(
        expect.objectContaining({
          check: "redis permissions",
          state: "problem",
          says: "This user may not run SCRIPT LOAD, UNLINK.",
        }),
      );
      expect(await operator.keys("*")).toEqual(["doctor:lockstep"]);
      expect(await operator.get("doctor:lockstep")).toBe("somebody's");
    });

    it("sees a Redis that belongs to another store", async () => {
      const other = await openLockstep({
        ...variables,
        LOCKSTEP_SQLITE_FILE: join(folder, "other.db"),
      });
      await other.close();

      expect(stateOf(await examine(variables), "store binding")).toBe("problem");
    });

    it("tells of a Redis that is down, and does not fail", async () => {
      const diagnosis = await examine({ ...variables, REDIS_URL: "redis://127.0.0.1:1" });

      expect(stateOf(diagnosis, "redis connection")).toBe("problem");
      expect(stateOf(diagnosis, "sqlite file")).toBe("ok");
    });
  });
}
