import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import type { Caller } from "../support/lockstep/caller.ts";
import { type StartedLockstep, startLockstep } from "../support/lockstep/start-lockstep.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What every process is promised. */
const ADOPTED_WITHIN_MS = 5_000;

async function untilMode(lockstep: Caller, mode: "hybrid" | "event-only"): Promise<void> {
  // The stats tell what the process goes by, and do not make it look.
  await waitUntil(async () => (await lockstep.call("hybrid_sync_stats")).mode === mode, {
    withinMs: ADOPTED_WITHIN_MS,
    what: `the mode ${mode}`,
  });
}

describe("settings made at run time, on one SQLite file", () => {
  let folder: string;
  const started: StartedLockstep[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-settings-"));
  });

  afterEach(async () => {
    await Promise.all(started.splice(0).map((one) => one.close()));
    await rm(folder, { recursive: true });
  });

  async function start(variables: Readonly<Record<string, string>> = {}) {
    const one = await startLockstep({
      LOCKSTEP_SQLITE_FILE: join(folder, "store.db"),
      ...variables,
    });
    started.push(one);
    return one;
  }

  it("are adopted by another process within five seconds, and taken back as fast", async () => {
    const [operator, other] = await Promise.all([start(), start()]);
    expect(await other.call("kv_set", { key: "a", value: "1" })).toMatchObject({
      method: "ASYNC_THREAD",
    });

    await operator.call("hybrid_sync_configure", { mode: "event-only" });
    await untilMode(other, "event-only");
    const eventOnly = await other.call("kv_set", { key: "a", value: "2" });
    const shown = await other.call("hybrid_sync_configure");
    await operator.call("hybrid_sync_configure", { mode: null });
    await untilMode(other, "hybrid");

    expect(eventOnly).toMatchObject({ method: "EVENT_BASED", durable: "outbox" });
    expect(shown).toMatchObject({
      mode: "event-only",
      sources: {
        mode: {
          source: "run time",
          setAt: expect.any(String),
          setBy: expect.stringContaining(`process ${operator.pid}`),
        },
      },
      revision: 1,
    });
    expect(await other.call("kv_set", { key: "a", value: "3" })).toMatchObject({
      method: "ASYNC_THREAD",
    });
  });

  it("win over the environment of a process that starts later, from its first call on", async () => {
    const operator = await start();
    await operator.call("hybrid_sync_configure", { mode: "event-only", unprocessed: 7 });

    const later = await start({
      LOCKSTEP_SYNC_MODE: "hybrid",
      LOCKSTEP_LOAD_UNPROCESSED: "9",
      LOCKSTEP_LOAD_QUEUED: "3",
    });

    expect(await later.call("kv_set", { key: "a", value: "1" })).toMatchObject({
      method: "EVENT_BASED",
    });
    expect(await later.call("hybrid_sync_configure")).toMatchObject({
      mode: "event-only",
      unprocessed: 7,
      queued: 3,
    });
  });
});

describeWith(["redis", "mongodb"], "settings made at run time, on Redis and MongoDB", () => {
  const backends = useBackends();

  it("are adopted by another process within five seconds", async () => {
    const [operator, other] = await Promise.all([backends.startProcess(), backends.startProcess()]);

    await operator.call("hybrid_sync_configure", { mode: "event-only" });
    await untilMode(other, "event-only");

    expect(await other.call("kv_set", { key: "a", value: "1" })).toMatchObject({
      method: "EVENT_BASED",
      durable: "outbox",
    });
  });

  it("hold while the store is down, and are followed again when it is back", async () => {
    const operator = await backends.open();
    const other = await backends.open();
    await operator.call("hybrid_sync_configure", { mode: "event-only" });
    await untilMode(other, "event-only");

    await backends.mongo.stop();
    const during = await other.call("hybrid_sync_configure");
    await expect(operator.call("hybrid_sync_configure", { mode: "hybrid" })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await backends.mongo.start();
    await waitUntil(() => operator.call("hybrid_sync_configure", { mode: "hybrid" }));

    expect(during).toMatchObject({ mode: "event-only", warning: expect.any(String) });
    await untilMode(other, "hybrid");
  });
});

describeWith(["mongodb"], "settings where there is no event path", () => {
  const backends = useBackends();

  it("say that event-only has no effect, and writes go on", async () => {
    const lockstep = await backends.open({ REDIS_URL: "" });

    const shown = await lockstep.call("hybrid_sync_configure", { mode: "event-only" });

    expect(shown.warning).toContain("no effect");
    expect(await lockstep.call("kv_set", { key: "a", value: "1" })).toMatchObject({
      method: "ASYNC_THREAD",
    });
  });
});
