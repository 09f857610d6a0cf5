import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { Redis } from "ioredis";
import type { Caller } from "../support/lockstep/caller.ts";
import { openLockstep, type Variables } from "../support/lockstep/open-lockstep.ts";
import { SqliteShell } from "../support/lockstep/sqlite-shell.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type RedisServer, startRedis } from "../support/servers/start-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What happened and how, in order. */
async function storyOf(lockstep: Caller, key = "told"): Promise<string[]> {
  const { events } = await lockstep.call("explain_key", { key });
  return events.map(({ what, how }) => (how === null ? what : `${what} ${how}`));
}

/** The same, sorted, with where each is known from: what is of one moment for two processes has no order. */
async function sourcesOf(lockstep: Caller, key = "told"): Promise<string[]> {
  const { events } = await lockstep.call("explain_key", { key });
  return events.map(({ what, from }) => `${what}, ${from}`).toSorted();
}

function useFile() {
  let folder: string;
  const opened: { close(): void | Promise<void> }[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-story-"));
  });

  afterEach(async () => {
    for (const one of opened.splice(0).toReversed()) await one.close();
    await rm(folder, { recursive: true });
  });

  const keep = <T extends { close(): void | Promise<void> }>(one: T): T => {
    opened.push(one);
    return one;
  };
  return {
    open: async (more: Variables = {}) =>
      keep(await openLockstep({ LOCKSTEP_SQLITE_FILE: join(folder, "store.db"), ...more })),
    shell: async () => keep(await SqliteShell.open(join(folder, "store.db"))),
  };
}

describeWith([], "explain_key of a server on an SQLite file", () => {
  const file = useFile();

  it("tells a key's life, and in another process what is rare and where the key stands", async () => {
    const lockstep = await file.open();
    const ids = { sessionId: "session 1", interactionId: "question 7" };
    const { version } = await lockstep.call("kv_set", { key: "told", value: "ours", ...ids });
    const shell = await file.shell();
    shell.editRow("told", "value = CAST('edited' AS BLOB)");
    await lockstep.call("verify_cache_sync");
    const repair = await lockstep.call("force_sync_repair", { key: "told" });

    const { events, covers, truncated } = await lockstep.call("explain_key", { key: "told" });

    expect(events.map(({ what, how, version: of }) => [what, how, of])).toEqual([
      ["written", "set", version],
      ["synced", "direct", version],
      ["drift", "diverged", version],
      ["written", "set", repair.after?.shadowVersion],
      ["synced", "direct", repair.after?.shadowVersion],
      ["repaired", "follow_cache", repair.after?.shadowVersion],
    ]);
    expect(events[0]).toMatchObject({ ...ids, from: "process", process: covers.process });
    // Seen by the pass and by the repair.
    expect(events[2]).toMatchObject({ times: 2, note: repair.cause });
    expect(truncated).toBe(false);
    expect(covers).toMatchObject({ keptForHours: 168, notKept: 0, unknown: [] });

    // The other has the same pid here, as any two processes on different machines may have.
    const other = await file.open();
    expect(await sourcesOf(other)).toEqual(["repaired, kept", "synced, state", "written, state"]);
    expect((await other.call("explain_key", { key: "told", limit: 2 })).truncated).toBe(true);
    await other.call("kv_delete", { key: "told" });
    expect((await storyOf(other)).slice(-2)).toEqual(["written delete", "synced direct"]);
    expect((await storyOf(lockstep)).slice(-2)).toEqual(["written delete", "synced direct"]);
  });

  it("tells of a copy that is read again once another process has written", async () => {
    const lockstep = await file.open();
    const other = await file.open();
    await lockstep.call("kv_set", { key: "told", value: "ours" });
    await lockstep.call("kv_get", { key: "told" });
    const { version } = await other.call("kv_set", { key: "told", value: "theirs" });
    for (let read = 1; read <= 3; read += 1) await lockstep.call("kv_get", { key: "told" });

    const { events } = await lockstep.call("explain_key", { key: "told" });

    expect(events.map(({ what, version: of, times }) => [what, of === version, times])).toEqual([
      ["written", false, 1],
      ["synced", false, 1],
      ["written", true, 1],
      ["synced", true, 1],
      ["filled", true, 1],
    ]);
  });

  it("tells of writes that go by the outbox, of one that another process holds, and of a plan and its undo", async () => {
    const lockstep = await file.open({ LOCKSTEP_SYNC_MODE: "event-only" });
    await lockstep.call("kv_set", { key: "told", value: "ours" });
    await lockstep.call("kv_set", { key: "held", value: "ours" });
    const shell = await file.shell();
    await waitUntil(() => shell.waiting("told") + shell.waiting("held") === 0);
    shell.editRow("told", "value = CAST('edited' AS BLOB)");
    const { planId } = await lockstep.call("plan_sync_repair");
    await lockstep.call("apply_sync_repair", { planId });
    await lockstep.call("undo_sync_repair", { planId });

    const story = await storyOf(lockstep);

    expect(story.slice(0, 3)).toEqual(["written set", "waiting event", "synced event"]);
    const rare = story.filter((event) => /^(drift|repaired|undone)/.test(event));
    expect(rare).toEqual(["drift diverged", "repaired follow_cache", "undone set"]);

    shell.holdBack("held");
    shell.deleteRow("held");
    const later = await file.open();
    expect(await sourcesOf(later, "held")).toEqual(["waiting, state", "written, state"]);
  });

  it("is still told in part after a restart, and says what it cannot know", async () => {
    const before = await file.open();
    await before.call("kv_set", { key: "told", value: "ours" });
    const shell = await file.shell();
    shell.editRow("told", "value = CAST('edited' AS BLOB)");
    await before.call("force_sync_repair", { key: "told" });
    const { covers: coveredBefore } = await before.call("explain_key", { key: "told" });
    await before.close();

    const after = await file.open();
    const { covers } = await after.call("explain_key", { key: "told" });

    expect(await sourcesOf(after)).toEqual(["repaired, kept", "synced, state", "written, state"]);
    expect(Date.parse(covers.since)).toBeGreaterThan(Date.parse(coveredBefore.since));
    expect((await after.call("explain_key", { key: "never written" })).events).toEqual([]);
  });
});

describeWith(["redis"], "explain_key of a server on Redis and an SQLite file", () => {
  const file = useFile();
  let redis: RedisServer;

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(() => redis.close());

  it("tells a key's life, and in another process what is rare and where the key stands", async () => {
    const variables = { REDIS_URL: redis.url };
    const lockstep = await file.open(variables);
    const client = new Redis(redis.url);
    await lockstep.call("kv_set", { key: "told", value: "ours" });
    await client.del("told", "lockstep:m:told");
    await lockstep.call("kv_get", { key: "told" });
    await client.set("told", "theirs");
    client.disconnect();
    await lockstep.call("force_sync_repair", { key: "told" });

    expect(await storyOf(lockstep)).toEqual([
      "written set",
      "synced direct",
      "acknowledged",
      "evicted",
      "filled",
      "drift changed_outside",
      "written set",
      "synced direct",
      "acknowledged",
      "repaired follow_cache",
    ]);
    const other = await file.open(variables);
    expect(await sourcesOf(other)).toEqual([
      "evicted, kept",
      "repaired, kept",
      "synced, state",
      "written, state",
    ]);
  });
});
