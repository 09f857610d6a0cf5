import { describe, expect, it } from "@jest/globals";
import { type NewRecord, RECORDS_MAX } from "../../src/store/records-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { WRITTEN_MS } from "./entries.ts";
import type { OpenShadowHarness } from "./store-harness.ts";

function recordOf(wanted: Partial<NewRecord> = {}): NewRecord {
  return {
    kind: "plan",
    id: "one",
    group: "",
    atMs: WRITTEN_MS,
    expiresAtMs: null,
    body: { text: "as it is" },
    ...wanted,
  };
}

/** Every sentence of records-port.ts, as a claim about one driver. */
export function describeRecordsContract(name: string, openHarness: OpenShadowHarness): void {
  describe(`${name} as a keeper of records`, () => {
    const open = closedAfterEach(openHarness);

    it("keeps what it is given, for every connection", async () => {
      const { records, openAnother } = await open();
      const record = recordOf({
        id: "$odd.\u0000 {id}",
        group: "$group \u{1f600}",
        expiresAtMs: WRITTEN_MS * 2,
        body: { $set: { "a.b": ["$x", 1.5, null, true] }, text: "\u0000 \u{1f600}", __proto_: {} },
      });

      await records.put([record]);

      expect(await records.get("plan", record.id)).toEqual({ ...record, revision: 1 });
      expect(await (await openAnother()).records.get("plan", record.id)).toEqual({
        ...record,
        revision: 1,
      });
    });

    it("knows nothing of another kind or id", async () => {
      const { records } = await open();
      await records.put([recordOf()]);

      expect(await records.get("undo", "one")).toBeUndefined();
      expect(await records.get("plan", "two")).toBeUndefined();
    });

    it("puts a record in place of the one of the same kind and id, under the next revision", async () => {
      const { records } = await open();
      await records.put([recordOf(), recordOf({ kind: "undo" })]);
      const later = recordOf({ group: "moved", atMs: WRITTEN_MS + 1, body: { text: "later" } });

      await records.put([later]);

      expect(await records.get("plan", "one")).toEqual({ ...later, revision: 2 });
      expect(await records.get("undo", "one")).toMatchObject({ revision: 1 });
    });

    it("takes as many at once as it promises, and none at all", async () => {
      const { records } = await open();
      await records.put([]);

      await records.put(
        Array.from({ length: RECORDS_MAX }, (_, at) => recordOf({ id: `no ${at}` })),
      );

      expect(await records.list("plan", { limit: RECORDS_MAX })).toHaveLength(RECORDS_MAX);
    });

    it("keeps several large ones that are put at once", async () => {
      const { records } = await open();
      const text = "x".repeat(3_000_000);

      await records.put(
        ["a", "b", "c", "d", "e", "f"].map((id) => recordOf({ id, body: { text } })),
      );

      const kept = await records.list("plan", { limit: 10 });
      expect(kept.map(({ body }) => (body["text"] as string).length)).toEqual(
        Array.from({ length: 6 }, () => text.length),
      );
    });

    describe("an expired record", () => {
      const soon = 400;

      it("is not there, listed, removed or counted", async () => {
        const { records, nowMs, elapse } = await open();
        await records.put([
          recordOf({ expiresAtMs: nowMs() + soon, atMs: WRITTEN_MS + 1 }),
          recordOf({ id: "stays" }),
        ]);
        await elapse(soon);

        expect(await records.get("plan", "one")).toBeUndefined();
        expect(await records.list("plan", { limit: 10 })).toMatchObject([{ id: "stays" }]);
        expect(await records.trim("plan", { keep: 1 })).toBe(0);
        expect(await records.remove("plan", "one")).toBe(false);
      });

      it.each(["put", "replace"] as const)("makes room for a new one: %s", async (how) => {
        const { records, nowMs, elapse } = await open();
        await records.put([recordOf({ expiresAtMs: nowMs() + soon })]);
        await elapse(soon);

        await (how === "put" ? records.put([recordOf()]) : records.replace(recordOf(), 0));

        expect(await records.get("plan", "one")).toEqual({ ...recordOf(), revision: 1 });
      });
    });

    describe("replace", () => {
      it("adds one where nothing is, and only there", async () => {
        const { records } = await open();

        expect(await records.replace(recordOf(), 1)).toBe(false);
        expect(await records.replace(recordOf(), 0)).toBe(true);
        expect(await records.replace(recordOf({ body: { text: "second" } }), 0)).toBe(false);

        expect(await records.get("plan", "one")).toEqual({ ...recordOf(), revision: 1 });
      });

      it("changes what has the named revision, and nothing else", async () => {
        const { records } = await open();
        await records.put([recordOf()]);
        const second = recordOf({ group: "g", body: { text: "$second" } });

        expect(await records.replace(second, 2)).toBe(false);
        expect(await records.replace(second, 1)).toBe(true);
        expect(await records.replace(recordOf(), 1)).toBe(false);

        expect(await records.get("plan", "one")).toEqual({ ...second, revision: 2 });
      });

      it.each([0, 1])(
        "lets one of many through that name revision %i at once",
        async (revision) => {
          const { records, openAnother } = await open();
          const another = (await openAnother()).records;
          if (revision === 1) await records.put([recordOf()]);

          const through = await Promise.all(
            Array.from({ length: 10 }, (_, at) =>
              (at % 2 === 0 ? records : another).replace(recordOf({ body: { at } }), revision),
            ),
          );

          expect(through.filter(Boolean)).toHaveLength(1);
          expect(await records.get("plan", "one")).toMatchObject({
            revision: revision + 1,
            body: { at: through.indexOf(true) },
          });
        },
      );
    });

    describe("a list", () => {
      const idsOf = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);
      const kept = [
        recordOf({ id: "b", group: "x", atMs: WRITTEN_MS + 1 }),
        recordOf({ id: "\u{1f600}", group: "x", atMs: WRITTEN_MS + 1 }),
        recordOf({ id: "\uffee", group: "y", atMs: WRITTEN_MS + 1 }),
        recordOf({ id: "newest", group: "y", atMs: WRITTEN_MS + 2 }),
        recordOf({ id: "oldest", group: "x", atMs: WRITTEN_MS }),
        recordOf({ kind: "undo", id: "other", group: "x" }),
      ];
      const order = ["newest", "\u{1f600}", "\uffee", "b", "oldest"];

      it("goes from the newest on, of the same time from the greatest id in UTF-8 order", async () => {
        const { records } = await open();
        await records.put(kept);

        expect(idsOf(await records.list("plan", { limit: 10 }))).toEqual(order);
        expect(await records.list("plan", { limit: 0 })).toEqual([]);
      });

      it("goes on where it is told to, page by page", async () => {
        const { records } = await open();
        await records.put(kept);
        const seen: string[] = [];

        let page = await records.list("plan", { limit: 2 });
        for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
          seen.push(...idsOf(page));
          page = await records.list("plan", { limit: 2, before: last });
        }

        expect(seen).toEqual(order);
      });

      it("is of one group where one is named", async () => {
        const { records } = await open();
        await records.put(kept);
        const [first] = await records.list("plan", { group: "x", limit: 1 });

        expect(idsOf(await records.list("plan", { group: "x", limit: 9, before: first! }))).toEqual(
          ["b", "oldest"],
        );
        expect(await records.list("plan", { group: "", limit: 9 })).toEqual([]);
      });
    });

    it("removes what it is told to, once", async () => {
      const { records } = await open();
      await records.put([recordOf(), recordOf({ kind: "undo" })]);

      expect(await records.remove("plan", "one")).toBe(true);
      expect(await records.remove("plan", "one")).toBe(false);

      expect(await records.get("plan", "one")).toBeUndefined();
      expect(await records.get("undo", "one")).toBeDefined();
    });

    it("trims a kind, or a group of it, to the newest", async () => {
      const { records } = await open();
      await records.put(
        Array.from({ length: 6 }, (_, at) =>
          recordOf({ id: `no ${at}`, group: at % 2 === 0 ? "even" : "odd", atMs: WRITTEN_MS + at }),
        ),
      );
      await records.put([recordOf({ kind: "undo" })]);
      const left = async () => (await records.list("plan", { limit: 9 })).map(({ id }) => id);

      expect(await records.trim("plan", { group: "even", keep: 2 })).toBe(1);
      expect(await left()).toEqual(["no 5", "no 4", "no 3", "no 2", "no 1"]);
      expect(await records.trim("plan", { keep: 3 })).toBe(2);
      expect(await left()).toEqual(["no 5", "no 4", "no 3"]);
      expect(await records.trim("plan", { keep: 3 })).toBe(0);
      expect(await records.trim("plan", { keep: 0 })).toBe(3);
      expect(await records.get("undo", "one")).toBeDefined();
    });

    it("is durable: a record is there when the store is closed and opened again", async () => {
      const { store, records, openAnother } = await open();
      await records.put([recordOf()]);
      await store.close();

      expect(await (await openAnother()).records.get("plan", "one")).toBeDefined();
    });

    it("fails with STORE_UNAVAILABLE once the store is closed", async () => {
      const { store, records } = await open();
      await store.close();

      for (const call of [
        () => records.put([recordOf()]),
        () => records.replace(recordOf(), 0),
        () => records.get("plan", "one"),
        () => records.list("plan", { limit: 1 }),
        () => records.remove("plan", "one"),
        () => records.trim("plan", { keep: 1 }),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    });
  });
}
