import { expect, it } from "@jest/globals";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const keys = Array.from({ length: 20 }, (_, at) => `user:${at}`);

describeWith(["redis", "mongodb"], "one of two processes, killed with writes in flight", () => {
  const backends = useBackends();

  it("leaves nothing that the other has not brought into the shadow within seconds", async () => {
    // With one place, its first batch holds up all others.
    const killed = await backends.startProcess({ LOCKSTEP_SYNC_CONCURRENCY: "1" });
    const survivor = await backends.startProcess();
    await killed.call("kv_set", { key: "before", value: "v" });
    // Redis has them, MongoDB does not answer before the process is gone, and the other process sleeps until then.
    process.kill(survivor.pid, "SIGSTOP");
    await backends.fault.set({
      commands: ["update"],
      namespace: backends.rowsNamespace,
      delayMs: 5_000,
      // Not lifted later: MongoDB answers that only when the delayed command is through.
      times: 1,
    });
    const told = Promise.allSettled(
      keys.map((key) => killed.call("kv_set", { key, value: `value of ${key}` })),
    );
    await waitUntil(async () => (await backends.markers()) === keys.length, {
      what: "all writes to be in Redis",
    });

    const killedMs = performance.now();
    const ended = killed.kill();
    process.kill(survivor.pid, "SIGCONT");
    await waitUntil(async () => (await backends.markers()) === 0, {
      // Five seconds is the objective; a machine under load gets more.
      withinMs: 30_000,
      what: "the other process to bring the writes over",
    });

    console.log(`Converged ${Math.round(performance.now() - killedMs)} ms after the kill.`);
    await Promise.all([ended, told]);
    await Promise.all(
      keys.map(async (key) => {
        const row = await backends.rowOf(key);
        const read = await survivor.call("kv_get", { key });
        expect(row?.lastValue).toBe(`value of ${key}`);
        expect(read).toMatchObject({ value: `value of ${key}`, version: row?.version });
      }),
    );
    expect(await survivor.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });
});
