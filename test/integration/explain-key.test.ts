import { expect, it } from "@jest/globals";
import type { Caller } from "../support/lockstep/caller.ts";
import { Gardener } from "../support/lockstep/planted-drift.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";

/** What happened and how, in order. */
async function storyOf(lockstep: Caller, key = "told"): Promise<string[]> {
  const { events } = await lockstep.call("explain_key", { key });
  return events.map(({ what, how }) => (how === null ? what : `${what} ${how}`));
}

describeWith(["redis", "mongodb"], "explain_key", () => {
  const backends = useBackends();

  it("tells a key's life, and in another process what is rare and where the key stands", async () => {
    const lockstep = await backends.open();
    const gardener = new Gardener(backends, lockstep);
    const ids = { sessionId: "session 1", interactionId: "question 7" };
    const { version } = await lockstep.call("kv_set", { key: "told", value: "ours", ...ids });
    await backends.client.del("told", "lockstep:m:told");
    await lockstep.call("kv_get", { key: "told" });
    await backends.client.set("told", "theirs");
    await lockstep.call("force_sync_repair", { key: "told" });

    const { events, covers, truncated } = await lockstep.call("explain_key", { key: "told" });

    expect(events.map(({ what, how }) => [what, how])).toEqual([
      ["written", "set"],
      ["synced", "direct"],
      ["acknowledged", null],
      ["evicted", null],
      ["filled", null],
      ["drift", "changed_outside"],
      ["written", "set"],
      ["synced", "direct"],
      ["acknowledged", null],
      ["repaired", "follow_cache"],
    ]);
    expect(events[0]).toMatchObject({ ...ids, version, from: "process", process: covers.process });
    expect(truncated).toBe(false);
    expect(covers).toMatchObject({ keptForHours: 168, notKept: 0, unknown: [] });

    const other = await backends.open();
    expect((await other.call("explain_key", { key: "told", limit: 2 })).truncated).toBe(true);
    // The other has the same pid here, as any two processes on different machines may have.
    const elsewhere = (await other.call("explain_key", { key: "told" })).events;
    expect(elsewhere.map(({ what, from }) => `${what}, ${from}`).sort()).toEqual([
      "evicted, kept",
      "repaired, kept",
      "synced, state",
      "written, state",
    ]);
    await gardener.delete("told");
    expect((await storyOf(lockstep)).slice(10)).toEqual([
      "written delete",
      "synced direct",
      "acknowledged",
    ]);
  });

  it("tells of writes that go by the outbox or wait in the journal, of drift in a plan, and its undo", async () => {
    const lockstep = await backends.open({ LOCKSTEP_SYNC_MODE: "event-only" });
    await lockstep.call("kv_set", { key: "told", value: "ours", ack: "shadow" });
    await backends.untilSynced();
    await backends.client.set("told", "theirs");
    const { planId } = await lockstep.call("plan_sync_repair");
    await lockstep.call("apply_sync_repair", { planId });
    await lockstep.call("undo_sync_repair", { planId });

    const story = await storyOf(lockstep);

    expect(story).toEqual(expect.arrayContaining(["synced event", "drift changed_outside"]));
    expect(story.indexOf("repaired follow_cache")).toBeGreaterThan(0);
    expect(story.indexOf("undone set")).toBeGreaterThan(story.indexOf("repaired follow_cache"));
  });

  it("tells what it remembers while Redis is down", async () => {
    const lockstep = await backends.open();
    await lockstep.call("kv_set", { key: "told", value: "ours" });
    await backends.redis.stop();

    const { events, covers } = await lockstep.call("explain_key", { key: "told" });

    expect(events.map(({ what }) => what)).toEqual(["written", "synced", "acknowledged"]);
    expect(covers.unknown).toEqual(["state"]);
  });
});
