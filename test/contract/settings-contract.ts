import { describe, expect, it } from "@jest/globals";
import { closedAfterEach } from "./closed-after-each.ts";
import { WRITTEN_MS } from "./entries.ts";
import type { OpenShadowHarness } from "./store-harness.ts";

/** Every sentence of settings-port.ts, as a claim about one driver. */
export function describeSettingsContract(name: string, openHarness: OpenShadowHarness): void {
  describe(`${name} as a keeper of settings`, () => {
    const open = closedAfterEach(openHarness);
    const made = { atMs: WRITTEN_MS, by: "one" };

    it("keeps nothing that nobody has set", async () => {
      const { settings } = await open();

      expect(await settings.read()).toEqual({ revision: 0, settings: {} });
    });

    it("keeps what is set, when and by whom, for every connection", async () => {
      const { settings, openAnother } = await open();
      const another = (await openAnother()).settings;

      const told = await settings.change({ mode: "event-only", poolRatio: 0.5 }, made);

      expect(told).toEqual({
        revision: 1,
        settings: {
          mode: { value: "event-only", ...made },
          poolRatio: { value: 0.5, ...made },
        },
      });
      expect(await another.read()).toEqual(told);
    });

    it("leaves alone what a change does not name, and takes back what is null", async () => {
      const { settings } = await open();
      await settings.change({ mode: "event-only", queued: 3, unprocessed: 7 }, made);
      const later = { atMs: WRITTEN_MS + 1000, by: "other.$" };

      const told = await settings.change({ mode: null, queued: 0, poolRatio: null }, later);

      expect(told).toEqual({
        revision: 2,
        settings: {
          queued: { value: 0, ...later },
          unprocessed: { value: 7, ...made },
        },
      });
      expect(await settings.read()).toEqual(told);
    });

    it("keeps the revision when nothing is named", async () => {
      const { settings } = await open();
      const before = await settings.change({ queued: 3 }, made);

      expect(await settings.change({}, made)).toEqual(before);
    });

    it("loses no change of two connections that make theirs at once", async () => {
      const { settings, openAnother } = await open();
      const another = (await openAnother()).settings;

      await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          at % 2 === 0
            ? settings.change({ queued: at }, made)
            : another.change({ unprocessed: at }, made),
        ),
      );

      const { revision, settings: kept } = await settings.read();
      expect(revision).toBe(10);
      expect(Object.keys(kept).toSorted()).toEqual(["queued", "unprocessed"]);
    });

    it("is durable: settings are there when the store is closed and opened again", async () => {
      const { store, settings, openAnother } = await open();
      const told = await settings.change({ queued: 3 }, made);
      await store.close();

      expect(await (await openAnother()).settings.read()).toEqual(told);
    });

    it("fails with STORE_UNAVAILABLE once the store is closed", async () => {
      const { store, settings } = await open();
      await store.close();

      for (const call of [() => settings.read(), () => settings.change({ queued: 1 }, made)]) {
        await expect(call()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    });
  });
}
