import { expect, it } from "@jest/globals";
import { bucketOf } from "../../src/model/bucket.ts";
import { seqOf } from "../../src/model/version.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

describeWith(["redis", "mongodb"], "a Redis whose clock was set back", () => {
  const backends = useBackends();

  it("has writes that were left in its journal brought to the store at once, not when the clock catches up", async () => {
    const lockstep = await backends.open({ LOCKSTEP_OUTBOX_INTERVAL_MS: "200" });
    await waitUntil(() => lockstep.call("kv_set", { key: "k", value: "before" }));
    // As after ten minutes in which the clock was ten minutes ahead.
    const aheadUs =
      seqOf((await lockstep.call("kv_get", { key: "k" })).version ?? "") + 600_000_000;
    const state = `lockstep:s:${bucketOf("k")}`;
    await backends.client.hset(state, "seq", String(aheadUs).padStart(16, "0"));
    await backends.fault.set({ commands: ["update"], errorCode: 96 });

    const told = await lockstep.call("kv_set", { key: "k", value: "after" });
    expect(told.durable).toBe("journal");
    expect(seqOf(told.version)).toBe(aheadUs + 1);
    await backends.fault.lift();

    await backends.untilSynced();
    expect(await backends.rowOf("k")).toMatchObject({ version: told.version, lastValue: "after" });
  });
});
