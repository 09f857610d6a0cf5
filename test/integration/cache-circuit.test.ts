import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

describeWith(["redis", "mongodb"], "a Redis that hangs", () => {
  const backends = useBackends();

  it("costs five calls their time-out, and then reads go to the store and writes are refused unsent", async () => {
    const lockstep = await backends.open({ LOCKSTEP_SYNC_TIMEOUT_MS: "500" });
    const { version } = await lockstep.call("kv_set", { key: "a", value: "before" });
    const read = () => lockstep.call("kv_get", { key: "a" });

    await backends.redis.kill("SIGSTOP");
    try {
      const first = await Promise.all(Array.from({ length: 5 }, read));
      expect(first.map(({ source }) => source)).toEqual(first.map(() => "store"));
      const { cacheCircuit, circuit } = await lockstep.call("hybrid_sync_stats");
      expect([cacheCircuit, circuit]).toEqual(["open", "closed"]);

      expect(await read()).toMatchObject({
        value: "before",
        version,
        source: "store",
        warning: expect.stringContaining("may be behind"),
      });
      // A write that had been sent to it would have an unknown outcome.
      for (const tool of ["kv_set", "hybrid_sync_manual"] as const) {
        await expect(lockstep.call(tool, { key: "a", value: "during" })).rejects.toMatchObject({
          code: "CACHE_UNAVAILABLE",
          retryable: true,
        });
      }
    } finally {
      await backends.redis.kill("SIGCONT");
    }

    const { source, value } = await waitUntil(
      async () => {
        const answer = await read();
        return answer.source === "cache" && answer;
      },
      { what: "reads to come from Redis again" },
    );
    expect([source, value]).toEqual(["cache", "before"]);
    const told = await lockstep.call("kv_set", { key: "a", value: "after" });
    expect(told).toMatchObject({ method: "ASYNC_THREAD", durable: "shadow" });
    expect((await lockstep.call("hybrid_sync_stats")).cacheCircuit).toBe("closed");
  });
});
