import { describe, expect, it } from "@jest/globals";
import { STATEMENT_LIFE_MS, type StatementLife } from "../../src/store/statement-life.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { entryOf, tombstoneOf, versionNo } from "./entries.ts";
import type { OpenShadowHarness, ShadowHarness } from "./store-harness.ts";

/** What store-port.ts and outbox-port.ts say of late statements, as claims about one driver. */
export function describeStatementLifeContract(name: string, openHarness: OpenShadowHarness): void {
  describe(`${name} with statements that come late`, () => {
    const open = closedAfterEach(openHarness);

    it("writes nothing once their life is over, with a row there or none", async () => {
      const harness = await open();
      const { store } = harness;
      await store.applyNewer([tombstoneOf({ key: "deleted" })], "ASYNC_THREAD");
      const late = ["deleted", "purged"].map((key) => entryOf({ key, version: versionNo(2) }));

      for (const entries of [late, ...late.map((entry) => [entry])]) {
        await expect(
          store.applyNewer(entries, "EVENT_BASED", begunAgo(harness, STATEMENT_LIFE_MS)),
        ).rejects.toMatchObject({ code: "WRITE_EXPIRED" });
      }

      expect(await store.get("deleted")).toMatchObject({ value: null, version: versionNo(1) });
      expect(await store.get("purged")).toBeUndefined();
    });

    it("writes while there is some of it left", async () => {
      const harness = await open();
      const { store, outbox } = harness;
      const life = begunAgo(harness, STATEMENT_LIFE_MS / 2);

      await store.applyNewer([entryOf()], "ASYNC_THREAD", life);
      await outbox.append([entryOf()], life);

      expect(await store.get("user:1")).toMatchObject({ version: versionNo(1) });
      expect(await outbox.countUnprocessed()).toBe(1);
    });

    it("appends nothing once their life is over", async () => {
      const harness = await open();

      await expect(
        harness.outbox.append([entryOf()], begunAgo(harness, STATEMENT_LIFE_MS)),
      ).rejects.toMatchObject({ code: "WRITE_EXPIRED" });

      expect(await harness.outbox.countUnprocessed()).toBe(0);
    });

    it("never refuses an event for its age: its statement begins with the claim", async () => {
      const { store, outbox } = await open();
      await outbox.append([entryOf({ version: versionNo(1, 1) })]);

      const [event] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 1000 });
      if (event === undefined) throw new Error("There is no event.");
      await store.applyNewer([event.entry], "EVENT_BASED");

      expect(await store.get("user:1")).toMatchObject({ version: event.entry.version });
    });
  });
}

/** A life that began so long ago by the wall clock alone, as after a machine has slept. */
function begunAgo({ nowMs }: ShadowHarness, agoMs: number): StatementLife {
  return { begunWallMs: nowMs() - agoMs, begunMonotonicMs: Number.MAX_SAFE_INTEGER };
}
