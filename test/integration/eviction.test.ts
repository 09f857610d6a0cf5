import { beforeEach, expect, it } from "@jest/globals";
import type { OpenLockstep } from "../support/lockstep/open-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const textOf = (key: string) => `${key} ${"x".repeat(8_192)}`;
const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}:${i}`);

describeWith(["redis", "mongodb"], "a small Redis that evicts", () => {
  const backends = useBackends({
    args: ["--maxmemory", "4mb", "--maxmemory-policy", "volatile-lru"],
  });
  let lockstep: OpenLockstep;

  beforeEach(async () => {
    await backends.client.flushall();
    lockstep = await backends.open({
      LOCKSTEP_SYNC_MODE: "event-only",
      LOCKSTEP_OUTBOX_INTERVAL_MS: "200",
      // Writes that are slowed down take their time, and are not to count as overdue for that.
      LOCKSTEP_SYNC_OBJECTIVE_MS: "600000",
    });
  });

  const write = (keys: readonly string[]) =>
    Promise.all(keys.map((key) => lockstep.call("kv_set", { key, value: textOf(key) })));

  /** Events can be appended, and no row can be written. */
  const stopSyncing = () =>
    backends.fault.set({
      commands: ["update"],
      namespace: backends.rowsNamespace,
      errorCode: 96,
    });

  /** Another program fills the same server, all of it free to be evicted, until none of our `keys` is left. */
  const squeezeOut = (keys: readonly string[]) =>
    waitUntil(
      async () => {
        const pipeline = backends.client.pipeline();
        for (const key of names("other", 400)) pipeline.set(key, textOf(key), "EX", 3_600);
        await pipeline.exec();
        return (await backends.client.exists(...keys)) === 0;
      },
      { what: "the keys to be evicted" },
    );

  it("keeps each write that the store lacks, and lets it go, to be read back, once the store has it", async () => {
    const clean = names("clean", 100);
    await write(clean);
    await backends.untilSynced();
    await stopSyncing();
    const unsynced = names("unsynced", 60);
    const told = await write(unsynced);
    expect(told).toMatchObject(unsynced.map(() => ({ method: "EVENT_BASED", durable: "outbox" })));

    await squeezeOut(clean);

    const values = await backends.client.mget(unsynced);
    expect(unsynced.filter((key, i) => values[i] !== textOf(key))).toEqual([]);
    expect((await lockstep.call("verify_cache_sync")).overallSyncHealth).toBe("HEALTHY");

    await backends.fault.lift();
    await backends.untilSynced();
    await squeezeOut(unsynced);

    for (const key of [...unsynced, ...clean]) {
      expect(await lockstep.call("kv_get", { key })).toMatchObject({
        value: textOf(key),
        source: "store",
        durable: "shadow",
      });
    }
    expect((await lockstep.call("verify_cache_sync")).overallSyncHealth).toBe("HEALTHY");
  });

  it("refuses writes while it is full of what the store lacks, still reads, and recovers by itself", async () => {
    const cold = "only in the store";
    await write([cold]);
    await backends.untilSynced();
    await stopSyncing();
    await backends.client.unlink(cold, `lockstep:m:${cold}`);
    const accepted: string[] = [];
    let refusal: unknown;
    let next = 0;
    const writeOn = async () => {
      while (refusal === undefined) {
        const key = `unsynced:${(next += 1)}`;
        try {
          await write([key]);
          accepted.push(key);
        } catch (error) {
          refusal = error;
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, writeOn));

    expect(refusal).toMatchObject({
      code: "OVERLOADED",
      retryable: true,
      hint: expect.stringContaining("maxmemory"),
    });
    for (const key of [cold, accepted[0]!, accepted.at(-1)!]) {
      expect(await lockstep.call("kv_get", { key })).toMatchObject({ value: textOf(key) });
    }
    expect((await lockstep.call("verify_cache_sync")).overallSyncHealth).toBe("HEALTHY");

    await backends.fault.lift();
    await backends.untilSynced();
    const told = await waitUntil(() => write(["new"]), { what: "writes to be taken again" });
    expect(told).toMatchObject([{ durable: "outbox" }]);
    for (const key of accepted) {
      expect(await lockstep.call("kv_get", { key })).toMatchObject({ value: textOf(key) });
    }
    await backends.untilSynced();
    expect((await lockstep.call("verify_cache_sync")).overallSyncHealth).toBe("HEALTHY");
  }, 120_000);
});
