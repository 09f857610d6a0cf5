import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import type { ToolFailure } from "../support/lockstep/caller.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

const rounds = 8;

describeWith(["redis", "mongodb"], "a Redis and the store that it is kept in step with", () => {
  // Kept on disk, so that a restart does not make it a new one.
  const backends = useBackends({ args: ["--appendonly", "yes", "--appendfsync", "always"] });
  let folder: string;

  const sqlite = (name: string) => ({
    MONGODB_URI: "",
    LOCKSTEP_SQLITE_FILE: join(folder, `${name}.db`),
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lockstep-binding-"));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it("refuse every other store, in whatever driver", async () => {
    const first = await backends.open();
    await first.call("kv_set", { key: "a", value: "v" });
    const otherDatabase = { MONGODB_URI: backends.mongo.uriOf("another") };

    for (const other of [otherDatabase, sqlite("other")]) {
      await expect(backends.open(other)).rejects.toMatchObject({
        code: "STORE_MISMATCH",
        hint: expect.stringContaining("REDIS_URL"),
      });
    }
    await expect(backends.startProcess(otherDatabase)).rejects.toThrow(/STORE_MISMATCH/);
    expect(await first.call("kv_get", { key: "a" })).toMatchObject({ value: "v", source: "cache" });
    const again = await backends.open();
    expect(await again.call("kv_get", { key: "a" })).toMatchObject({ value: "v", source: "cache" });
  });

  it("find each other once, even if several stores ask for a new Redis at the same moment", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const asked = ["a", "b", "c"].map((name) => backends.open(sqlite(`${name}${round}`)));
      const outcomes = await Promise.allSettled(asked);

      const refused = outcomes.filter((one) => one.status === "rejected");
      expect(refused).toMatchObject([
        { reason: { code: "STORE_MISMATCH" } },
        { reason: { code: "STORE_MISMATCH" } },
      ]);
      for (const one of outcomes) if (one.status === "fulfilled") await one.value.close();
      await backends.client.flushdb();
    }
  });

  it("refuse a store that was let in only because Redis was down, once both answer", async () => {
    const first = await backends.open();
    await first.call("kv_set", { key: "a", value: "v" });
    await backends.redis.stop();
    const stranger = await backends.open({ MONGODB_URI: backends.mongo.uriOf("stranger") });
    const asStranger = (key: string) => stranger.call("kv_set", { key, value: "stranger" });
    await expect(asStranger("a")).rejects.toMatchObject({ code: "CACHE_UNAVAILABLE" });

    await backends.redis.restart();

    const isRefused = async () => {
      const [write] = await Promise.allSettled([asStranger("b")]);
      return write.status === "rejected" && (write.reason as ToolFailure).code === "STORE_MISMATCH";
    };
    await waitUntil(isRefused, { what: "the stranger to be refused" });
    expect(stranger.log.messages("error")).toHaveLength(1);
    await waitUntil(() => first.call("kv_set", { key: "a", value: "w" }));
    expect(await first.call("kv_get", { key: "a" })).toMatchObject({ value: "w" });
    expect(await backends.client.exists("b")).toBe(0);
  });
});
