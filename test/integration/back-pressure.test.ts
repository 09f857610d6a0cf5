import { describe, expect, it } from "@jest/globals";
import type { ToolFailure } from "../support/lockstep/caller.ts";
import type { OpenLockstep } from "../support/lockstep/open-lockstep.ts";
import { type Backends, useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Shorter than by default, only so that the sweep comes sooner. */
const impatient = { LOCKSTEP_OUTBOX_INTERVAL_MS: "500" };

/** A machine that is busy with other things takes its time over some hundred writes and an outage. */
const PATIENCE_MS = 120_000;

const MB = 1024 * 1024;
const MAXMEMORY_BYTES = 16 * MB;
const VALUE = "v".repeat(32 * 1024);
const WRITERS = 16;

for (const policy of ["noeviction", "volatile-lru"]) {
  describeWith(["redis", "mongodb"], `a Redis with little memory under ${policy}`, () => {
    const args = ["--maxmemory", String(MAXMEMORY_BYTES), "--maxmemory-policy", policy];
    const backends = useBackends({ args });

    it(
      "refuses writes before it is full while the store hangs, keeps what it took, and goes on by itself",
      async () => {
        const lockstep = await backends.open(impatient);
        await lockstep.call("kv_set", { key: "before", value: "outage" });

        await backends.mongo.kill("SIGSTOP");
        const { taken, refusals } = await writeUntilRefused(lockstep);

        expect(refusals).toMatchObject(
          refusals.map(() => ({
            code: "OVERLOADED",
            retryable: true,
            retryAfterMs: expect.any(Number),
            message: expect.not.stringContaining("OOM"),
          })),
        );
        expect(await usedBytes(backends, "_peak")).toBeLessThan(MAXMEMORY_BYTES);
        expect(taken.size * VALUE.length).toBeGreaterThan(MAXMEMORY_BYTES / 2);
        expect(await lockstep.call("hybrid_sync_load_check")).toMatchObject({
          pressure: { level: "refuse", reason: expect.stringContaining("limit 90 %") },
        });
        const { warnings } = await lockstep.app.health();
        expect(warnings).toContainEqual(expect.stringContaining("refused (OVERLOADED)"));
        // What frees memory, or takes none, goes on.
        const [first = ""] = taken.keys();
        expect(await lockstep.call("kv_get", { key: first })).toMatchObject({ source: "cache" });
        const deleted = await lockstep.call("kv_delete", { key: first });
        expect(deleted).toMatchObject({ existed: true, durable: "journal" });
        taken.delete(first);

        await backends.mongo.kill("SIGCONT");
        await backends.untilSynced();
        const rows = await backends.rows.find({ deleted: false }).toArray();
        const versions = new Map(rows.map(({ _id, version }) => [_id, version]));
        for (const [key, version] of taken)
          expect([key, versions.get(key)]).toEqual([key, version]);
        const meanwhile = new Set<string>();
        await waitUntil(
          () =>
            lockstep.call("kv_set", { key: "again", value: VALUE }).catch((error: ToolFailure) => {
              meanwhile.add(error.code);
              throw error;
            }),
          { withinMs: 20_000, what: "writes to be taken again" },
        );
        expect([...meanwhile].filter((code) => code !== "OVERLOADED")).toEqual([]);
        expect(await lockstep.call("verify_cache_sync")).toMatchObject({
          overallSyncHealth: "HEALTHY",
        });
      },
      PATIENCE_MS,
    );
  });
}

describeWith(["redis", "mongodb"], "a Redis with memory to spare", () => {
  const backends = useBackends({ args: ["--maxmemory", String(64 * MB)] });

  it(
    "takes many writes of the same keys during an outage into the room of one each",
    async () => {
      const lockstep = await backends.open(impatient);
      await backends.mongo.kill("SIGSTOP");
      const rounds = async (count: number) => {
        for (let round = 0; round < count; round += 1) {
          await Promise.all(
            Array.from({ length: 50 }, (_, at) =>
              lockstep.call("kv_set", { key: `key:${at}`, value: VALUE, ack: "cache" }),
            ),
          );
        }
      };
      try {
        await rounds(2);
        const firstBytes = await usedBytes(backends);
        // Twice what Redis could hold, were each of them kept.
        await rounds(40);

        expect(await backends.markers()).toBe(50);
        expect((await usedBytes(backends)) - firstBytes).toBeLessThan(4 * MB);
        const { pressure } = await lockstep.call("hybrid_sync_load_check");
        expect(pressure.inputs.unsyncedMb).toBeGreaterThan(1.4);
        expect(pressure.inputs.unsyncedMb).toBeLessThan(2);
      } finally {
        await backends.mongo.kill("SIGCONT");
      }
      await backends.untilSynced();
      expect(await lockstep.call("verify_cache_sync")).toMatchObject({
        overallSyncHealth: "HEALTHY",
      });
    },
    PATIENCE_MS,
  );

  describe("and a limit of its own on what waits for the store", () => {
    it(
      "refuses at that limit, which can be raised while it runs",
      async () => {
        const lockstep = await backends.open({ ...impatient, LOCKSTEP_PRESSURE_UNSYNCED_MB: "1" });
        await backends.fault.set({ commands: ["update"], errorCode: 96 });
        const { refusals } = await writeUntilRefused(lockstep);
        expect(refusals[0]).toMatchObject({ message: expect.stringContaining("limit 1 MB") });

        await lockstep.call("hybrid_sync_configure", { unsyncedMb: 1000 });

        await waitUntil(() => lockstep.call("kv_set", { key: "more", value: VALUE }), {
          what: "writes to be taken again",
        });
        await backends.fault.lift();
        await backends.untilSynced();
      },
      PATIENCE_MS,
    );
  });
});

/** Several writers at once, each until it is refused: what was acknowledged, and every failure. */
async function writeUntilRefused(lockstep: OpenLockstep) {
  const taken = new Map<string, string>();
  const refusals: unknown[] = [];
  let next = 0;
  const write = async () => {
    for (;;) {
      const key = `key:${next}`;
      next += 1;
      if (next > 10_000) throw new Error("Nothing was ever refused.");
      try {
        const { version } = await lockstep.call("kv_set", { key, value: VALUE });
        taken.set(key, version);
      } catch (error) {
        refusals.push(error);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  return { taken, refusals };
}

/** By Redis' own account: now, and at most since it was started. */
async function usedBytes(backends: Backends, when: "" | "_peak" = ""): Promise<number> {
  const info = await backends.client.info("memory");
  return Number(new RegExp(`used_memory${when}:(\\d+)`).exec(info)?.[1]);
}
