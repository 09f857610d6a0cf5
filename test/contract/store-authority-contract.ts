import { describe, expect, it } from "@jest/globals";
import {
  epochOf,
  FIRST_EPOCH,
  formatVersion,
  isVersion,
  seqOf,
  writtenAtMs,
} from "../../src/model/version.ts";
import type { CurrentEntry, StoreAuthorityPort } from "../../src/store/store-authority-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { deleteOf, setOf } from "./commands.ts";
import { entryOf, ODD_KEYS, ODD_VALUES, tombstoneOf } from "./entries.ts";
import { describeStoreTerms } from "./store-authority-terms.ts";
import type { OpenStoreHarness } from "./store-harness.ts";

export interface StoreAuthorityCapabilities {
  /** Writes may go to the outbox, and row and events are read in one transaction. */
  readonly eventPath: boolean;
  /** The store can tell that another connection has committed. */
  readonly changeStamp: boolean;
}

/** Every sentence of store-authority-port.ts, as a claim about one driver. */
export function describeStoreAuthorityContract(
  name: string,
  openHarness: OpenStoreHarness,
  capabilities: StoreAuthorityCapabilities,
): void {
  const withEventPath = capabilities.eventPath ? describe : describe.skip;
  const withChangeStamp = capabilities.changeStamp ? describe : describe.skip;

  describe(`${name} as the authority`, () => {
    const open = closedAfterEach(openHarness);

    it("tells whether it has an event path", async () => {
      const { authority } = await open();

      expect(authority.hasEventPath).toBe(capabilities.eventPath);
    });

    describe("write", () => {
      it("writes nothing once its caller has given it up", async () => {
        const { authority } = await open();

        const written = authority.write(setOf(), {
          to: "shadow",
          signal: AbortSignal.abort("given up"),
        });

        await expect(written).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
        expect(await authority.current("user:1")).toBeUndefined();
      });

      it("writes the row with a version of its own clock and tells the entry", async () => {
        const { authority, store, nowMs } = await open();
        const beforeMs = nowMs();

        const written = await authority.write(
          setOf({ ttlMs: 5000, sessionId: "session", interactionId: "interaction" }),
          { to: "shadow" },
        );

        if (written.outcome !== "written") throw new Error("The write was refused.");
        const { entry } = written;
        expect(isVersion(entry.version)).toBe(true);
        expect(epochOf(entry.version)).toBe(FIRST_EPOCH);
        expect(writtenAtMs(entry.version)).toBeGreaterThanOrEqual(beforeMs);
        expect(entry).toEqual(
          entryOf({
            version: entry.version,
            value: "new",
            sessionId: "session",
            interactionId: "interaction",
            expiresAtMs: entry.expiresAtMs,
          }),
        );
        expect(entry.expiresAtMs).toBeGreaterThanOrEqual(beforeMs + 5000);
        expect(entry.expiresAtMs).toBeLessThanOrEqual(nowMs() + 5000);
        expect(await store.get("user:1")).toMatchObject({ ...entry, syncMethod: "ASYNC_THREAD" });
      });

      it("writes a delete as a tombstone", async () => {
        const { authority, store } = await open();
        await authority.write(setOf(), { to: "shadow" });

        const deleted = await authority.write(deleteOf({ sessionId: "session" }), { to: "shadow" });

        expect(deleted).toMatchObject({
          outcome: "written",
          existed: true,
          entry: { value: null, hash: "", expiresAtMs: null, sessionId: "session" },
        });
        expect(await store.get("user:1")).toMatchObject({ value: null, hash: "" });
      });

      it.each([...ODD_VALUES])("keeps a value of %s byte for byte", async (_name, value) => {
        const { authority } = await open();

        await authority.write(setOf({ value }), { to: "shadow" });

        expect((await authority.current("user:1"))?.entry.value === value).toBe(true);
      });

      it.each([...ODD_KEYS])("keeps a key with %s", async (_name, key) => {
        const { authority } = await open();

        await authority.write(setOf({ key }), { to: "shadow" });

        expect((await authority.current(key))?.entry.key).toBe(key);
      });

      it("gives every write of a key a version above all earlier ones, from two connections by turns", async () => {
        const { authority, openAnother } = await open();
        const authorities = [authority, (await openAnother()).authority];
        const versions: string[] = [];

        for (let turn = 0; turn < 40; turn += 1) {
          const written = await authorities[turn % 2]!.write(setOf(), { to: "shadow" });
          versions.push(written.outcome === "written" ? written.entry.version : "");
        }

        expect(versions).toEqual([...new Set(versions)].toSorted());
      });

      it("gives writes that are made at once different versions, and the newest one stands", async () => {
        const { authority, openAnother } = await open();
        const authorities = [authority, (await openAnother()).authority];

        const written = await Promise.all(
          Array.from({ length: 20 }, (_, at) =>
            authorities[at % 2]!.write(setOf({ value: `value ${at}` }), { to: "shadow" }),
          ),
        );

        const entries = written.flatMap((one) => (one.outcome === "written" ? [one.entry] : []));
        const newest = entries.toSorted((one, other) => (one.version < other.version ? 1 : -1))[0];
        expect(new Set(entries.map((entry) => entry.version)).size).toBe(20);
        expect((await authority.current("user:1"))?.entry).toEqual(newest);
      });

      it("mints above a row that came from elsewhere with a version ahead of the clock", async () => {
        const { authority, store, nowMs } = await open();
        const ahead = formatVersion(FIRST_EPOCH, (nowMs() + 3_600_000) * 1000);
        await store.applyNewer([entryOf({ version: ahead, value: "old" })], "EVENT_BASED");

        const written = await authority.write(setOf(), { to: "shadow" });

        if (written.outcome !== "written") throw new Error("The write was refused.");
        expect(seqOf(written.entry.version)).toBeGreaterThan(seqOf(ahead));
        expect(await store.get("user:1")).toMatchObject({ value: "new" });
      });

      it("mints above a row of a later epoch", async () => {
        const { authority, store } = await open();
        const ahead = formatVersion(FIRST_EPOCH + 1, 1);
        await store.applyNewer([entryOf({ version: ahead })], "EVENT_BASED");

        await authority.write(setOf(), { to: "shadow" });

        const row = await store.get("user:1");
        expect(row?.value).toBe("new");
        expect(row!.version > ahead).toBe(true);
      });

      it("goes on above the last version after it was closed and opened again", async () => {
        const { authority, store, openAnother } = await open();
        const first = await authority.write(setOf(), { to: "shadow" });
        await store.close();

        const second = await (await openAnother()).authority.write(setOf(), { to: "shadow" });

        if (first.outcome !== "written" || second.outcome !== "written")
          throw new Error("Refused.");
        expect(second.entry.version > first.entry.version).toBe(true);
      });
    });

    describe("existed", () => {
      it("is false where nothing, a tombstone or an expired value stood, and true where a live one did", async () => {
        const { authority, store, nowMs } = await open();
        await store.applyNewer(
          [
            tombstoneOf({ key: "deleted" }),
            entryOf({ key: "expired", expiresAtMs: nowMs() - 1 }),
            entryOf({ key: "expires later", expiresAtMs: nowMs() + 60_000 }),
            entryOf({ key: "live", value: "" }),
          ],
          "ASYNC_THREAD",
        );

        const existed: Record<string, boolean | undefined> = {};
        for (const key of ["nothing", "deleted", "expired", "expires later", "live"]) {
          const written = await authority.write(deleteOf({ key }), { to: "shadow" });
          existed[key] = written.outcome === "written" ? written.existed : undefined;
        }

        expect(existed).toEqual({
          nothing: false,
          deleted: false,
          expired: false,
          "expires later": true,
          live: true,
        });
      });
    });

    describe("guard", () => {
      it("lets the write pass while the newest entry is the one that was seen", async () => {
        const { authority } = await open();
        const first = await authority.write(setOf({ value: "first" }), {
          to: "shadow",
          guard: { version: null },
        });
        if (first.outcome !== "written") throw new Error("The first write was refused.");

        const second = await authority.write(setOf({ value: "second" }), {
          to: "shadow",
          guard: { version: first.entry.version },
        });

        expect(second).toMatchObject({ outcome: "written", existed: true });
        expect((await authority.current("user:1"))?.entry.value).toBe("second");
      });

      it("refuses the write once the key has moved, says where to, and changes nothing", async () => {
        const { authority, openAnother } = await open();
        const first = await authority.write(setOf({ value: "first" }), { to: "shadow" });
        const second = await (await openAnother()).authority.write(setOf({ value: "second" }), {
          to: "shadow",
        });
        if (first.outcome !== "written" || second.outcome !== "written")
          throw new Error("Refused.");
        let told = false;
        const onCommitted = () => {
          told = true;
        };

        const refused = await authority.write(setOf({ value: "third" }), {
          to: "shadow",
          guard: { version: first.entry.version },
          onCommitted,
        });
        const absent = await authority.write(deleteOf(), {
          to: "shadow",
          guard: { version: null },
          onCommitted,
        });

        expect(refused).toEqual({ outcome: "moved", version: second.entry.version });
        expect(absent).toEqual({ outcome: "moved", version: second.entry.version });
        expect((await authority.current("user:1"))?.entry).toEqual(second.entry);
        expect(told).toBe(false);
      });

      it("refuses a write that saw a version where there is none", async () => {
        const { authority } = await open();

        const refused = await authority.write(setOf(), {
          to: "shadow",
          guard: { version: formatVersion(FIRST_EPOCH, 1) },
        });

        expect(refused).toEqual({ outcome: "moved", version: null });
        expect(await authority.current("user:1")).toBeUndefined();
      });

      it("lets one of two pass that saw the same version at once", async () => {
        const { authority, openAnother } = await open();
        const authorities = [authority, (await openAnother()).authority];

        const outcomes = await Promise.all(
          Array.from({ length: 10 }, (_, at) =>
            authorities[at % 2]!.write(setOf({ value: `value ${at}` }), {
              to: "shadow",
              guard: { version: null },
            }),
          ),
        );

        expect(outcomes.filter((one) => one.outcome === "written")).toHaveLength(1);
      });
    });

    describeStoreTerms(openHarness);

    describe("onCommitted", () => {
      it("is given the entry before the caller of write hears of it", async () => {
        const { authority } = await open();
        const heard: string[] = [];
        let current: CurrentEntry | undefined;

        const written = await authority
          .write(setOf(), {
            to: "shadow",
            onCommitted: (committed) => {
              heard.push("committed");
              current = committed;
            },
          })
          .then((outcome) => {
            heard.push("answered");
            return outcome;
          });

        expect(heard).toEqual(["committed", "answered"]);
        expect(written).toMatchObject({ entry: current?.entry });
        expect(current?.from).toBe("shadow");
      });
    });

    describe("current", () => {
      it("is undefined for a key that was never written", async () => {
        const { authority } = await open();
        let loaded: unknown = "not called";

        const current = await authority.current("user:1", (entry) => {
          loaded = entry;
        });

        expect(current).toBeUndefined();
        expect(loaded).toBeUndefined();
      });

      it("gives the row, a tombstone too, and hands the same to onLoaded", async () => {
        const { authority, store } = await open();
        const tombstone = tombstoneOf();
        await store.applyNewer([tombstone], "ASYNC_THREAD");
        let loaded: CurrentEntry | undefined;

        const current = await authority.current("user:1", (entry, stamp) => {
          loaded = entry;
          expect(stamp).toBe(entry?.stamp);
        });

        expect(current).toEqual({ entry: tombstone, from: "shadow", stamp: current?.stamp });
        expect(loaded).toEqual(current);
      });

      it("gives the event where it is newer than the row, and the row otherwise", async () => {
        const { authority, store, outbox } = await open();
        const [one, two, three] = [1, 2, 3].map((seq) =>
          entryOf({ version: formatVersion(FIRST_EPOCH, seq), value: `value ${seq}` }),
        );
        await outbox.append([two!, one!]);

        expect(await authority.current("user:1")).toMatchObject({ entry: two, from: "outbox" });
        await store.applyNewer([one!], "ASYNC_THREAD");
        expect(await authority.current("user:1")).toMatchObject({ entry: two, from: "outbox" });
        await store.applyNewer([three!], "ASYNC_THREAD");
        expect(await authority.current("user:1")).toMatchObject({ entry: three, from: "shadow" });
      });

      it("sees what another connection was told is written", async () => {
        const { authority, openAnother } = await open();
        const another = (await openAnother()).authority;
        for (let round = 0; round < 20; round += 1) {
          await another.write(setOf({ value: `round ${round}` }), { to: "shadow" });

          expect((await authority.current("user:1"))?.entry.value).toBe(`round ${round}`);
        }
      });
    });

    withEventPath("the event path", () => {
      it("puts the write into the outbox and leaves the row alone", async () => {
        const { authority, outbox, store } = await open();
        await authority.write(setOf({ value: "row" }), { to: "shadow" });
        let committed: CurrentEntry | undefined;

        const written = await authority.write(setOf({ value: "event", sessionId: "session" }), {
          to: "outbox",
          onCommitted: (current) => {
            committed = current;
          },
        });

        if (written.outcome !== "written") throw new Error("The write was refused.");
        const events = (await outbox.unprocessedOf(["user:1"])).get("user:1");
        expect(events?.map((event) => event.entry)).toEqual([written.entry]);
        expect(committed).toMatchObject({ entry: written.entry, from: "outbox" });
        expect(await store.get("user:1")).toMatchObject({ value: "row" });
        expect(await authority.current("user:1")).toEqual(committed);
      });

      it("judges guard and existence by the newest of row and events", async () => {
        const { authority } = await open();
        const row = await authority.write(setOf({ value: "row" }), { to: "shadow" });
        const event = await authority.write(deleteOf(), { to: "outbox" });
        if (row.outcome !== "written" || event.outcome !== "written") throw new Error("Refused.");

        const refused = await authority.write(setOf(), {
          to: "outbox",
          guard: { version: row.entry.version },
        });
        const passed = await authority.write(setOf(), {
          to: "outbox",
          guard: { version: event.entry.version },
        });

        expect(event.existed).toBe(true);
        expect(refused).toEqual({ outcome: "moved", version: event.entry.version });
        expect(passed).toMatchObject({ outcome: "written", existed: false });
      });

      it("mints above the events of the key", async () => {
        const { authority, outbox, nowMs } = await open();
        const ahead = formatVersion(FIRST_EPOCH, (nowMs() + 3_600_000) * 1000);
        await outbox.append([entryOf({ version: ahead })]);

        const written = await authority.write(setOf(), { to: "shadow" });

        expect(written.outcome === "written" && written.entry.version > ahead).toBe(true);
      });

      it("no longer counts an event once it is processed", async () => {
        const { authority, outbox } = await open();
        await authority.write(setOf(), { to: "outbox" });
        const [event] = await outbox.claim({ owner: "one", limit: 1, leaseMs: 1000 });

        await outbox.markProcessed([event!.id]);

        expect(await authority.current("user:1")).toBeUndefined();
      });

      it("keeps an event's write when the store is closed and opened again", async () => {
        const { authority, store, openAnother } = await open();
        await authority.write(setOf({ value: "kept" }), { to: "outbox" });
        await store.close();

        const reopened = (await openAnother()).authority;

        expect(await reopened.current("user:1")).toMatchObject({
          entry: { value: "kept" },
          from: "outbox",
        });
      });
    });

    withChangeStamp("the change stamp", () => {
      it("stays the same over this connection's own writes and reads", async () => {
        const { authority, store, outbox } = await open();
        const before = authority.changeStamp();
        const stamps = [(await stampsOf(authority)).committed];

        await authority.write(setOf(), { to: "outbox" });
        await store.applyNewer([entryOf({ key: "other" })], "ASYNC_THREAD");
        await outbox.append([entryOf({ key: "third" })]);
        await store.get("other");

        stamps.push((await stampsOf(authority)).loaded, authority.changeStamp());
        expect(before).not.toBeUndefined();
        expect(stamps).toEqual([before, before, before]);
      });

      it("changes with every commit of another connection, of whatever kind", async () => {
        const { authority, openAnother } = await open();
        const another = await openAnother();
        const commits = [
          () => another.authority.write(setOf({ key: "b" }), { to: "shadow" }),
          () => another.authority.write(setOf({ key: "b" }), { to: "outbox" }),
          () => another.store.applyNewer([entryOf({ key: "c" })], "ASYNC_THREAD"),
          () => another.outbox.append([entryOf({ key: "d" })]),
        ];
        for (const commit of commits) {
          const before = authority.changeStamp();
          await commit();

          expect(authority.changeStamp()).not.toBe(before);
        }
      });

      it("does not change when another connection only reads", async () => {
        const { authority, openAnother } = await open();
        const another = await openAnother();
        const before = authority.changeStamp();

        await another.store.get("user:1");
        await another.authority.current("user:1");

        expect(authority.changeStamp()).toBe(before);
      });

      it("is, in what was committed or loaded, the one of that moment", async () => {
        const { authority, openAnother } = await open();
        const another = await openAnother();

        const { committed, loaded } = await stampsOf(authority);
        expect(committed).toBe(authority.changeStamp());
        expect(loaded).toBe(committed);
        await another.authority.write(setOf(), { to: "shadow" });

        expect(authority.changeStamp()).not.toBe(loaded);
        const later = await stampsOf(authority);
        expect([later.committed, later.loaded]).toEqual(Array(2).fill(authority.changeStamp()));
      });
    });

    if (!capabilities.changeStamp) {
      it("has no change stamp, so that no earlier copy may be trusted", async () => {
        const { authority } = await open();

        expect(authority.changeStamp()).toBeUndefined();
        expect(await stampsOf(authority)).toEqual({ committed: undefined, loaded: undefined });
      });
    }

    it("fails with STORE_UNAVAILABLE once the store is closed, and then has no change stamp", async () => {
      const { authority, store } = await open();
      await store.close();

      await expect(authority.write(setOf(), { to: "shadow" })).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
      });
      await expect(authority.current("user:1")).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
      });
      expect(authority.changeStamp()).toBeUndefined();
    });
  });
}

/** The stamps that one write and one read of this connection come with. */
async function stampsOf(authority: StoreAuthorityPort) {
  let committed: CurrentEntry["stamp"];
  await authority.write(setOf({ key: "stamped" }), {
    to: "shadow",
    onCommitted: ({ stamp }) => {
      committed = stamp;
    },
  });
  const loaded = (await authority.current("stamped"))?.stamp;
  return { committed, loaded };
}
