import { describe, expect, it } from "@jest/globals";
import { markOf } from "../../src/model/idempotency.ts";
import { FIRST_EPOCH, formatVersion } from "../../src/model/version.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import { ABSENT, standingAt } from "../../src/model/write-condition.ts";
import type { AuthorityWrite, StoreAuthorityPort } from "../../src/store/store-authority-port.ts";
import { closedAfterEach } from "./closed-after-each.ts";
import { deleteOf, ifAbsent, ifVersion, setOf, withId } from "./commands.ts";
import { entryOf, tombstoneOf } from "./entries.ts";
import type { OpenStoreHarness } from "./store-harness.ts";

/** What a write must meet, and what makes it a repetition, where the store decides. */
export function describeStoreTerms(openHarness: OpenStoreHarness): void {
  const open = closedAfterEach(openHarness);

  describe("a condition", () => {
    it("on a version passes where the key has it, and fails with the version that it has", async () => {
      const { authority } = await open();
      const first = await written(authority, setOf({ value: "first" }));

      const second = await written(authority, ifVersion(first.version, setOf()));
      const refused = await write(authority, ifVersion(first.version, deleteOf()));

      expect(refused).toEqual({ outcome: "conflict", standing: standingAt(second.version) });
      expect((await authority.current("user:1"))?.entry).toEqual(second);
    });

    it("takes what was never written, was deleted or has expired for absent", async () => {
      const { authority, store, nowMs } = await open();
      const deleted = tombstoneOf({ key: "deleted" });
      const expired = entryOf({ key: "expired", expiresAtMs: nowMs() - 1 });
      await store.applyNewer([deleted, expired], "ASYNC_THREAD");
      const never = entryOf({ key: "never" });

      for (const { key, version } of [deleted, expired, never]) {
        const refused = await write(authority, ifVersion(version, setOf({ key })));
        const passed = await write(authority, ifAbsent(setOf({ key })));
        const late = await write(authority, ifAbsent(setOf({ key })));

        expect([key, refused]).toEqual([key, { outcome: "conflict", standing: ABSENT }]);
        expect([key, passed.outcome, late.outcome]).toEqual([key, "written", "conflict"]);
      }
    });

    it("is judged on an event that is newer than the row", async () => {
      const { authority, store, outbox } = await open();
      const row = entryOf({ version: formatVersion(FIRST_EPOCH, 1) });
      const event = entryOf({ version: formatVersion(FIRST_EPOCH, 2) });
      await store.applyNewer([row], "ASYNC_THREAD");
      await outbox.append([event]);

      const refused = await write(authority, ifVersion(row.version, setOf()));
      const passed = await write(authority, ifVersion(event.version, setOf()));

      expect(refused).toEqual({ outcome: "conflict", standing: standingAt(event.version) });
      expect(passed.outcome).toBe("written");
    });

    it("is not asked, nor the idempotency key, where the guard has failed", async () => {
      const { authority } = await open();
      const first = await written(authority, withId("call", setOf()));
      const command = ifVersion(formatVersion(FIRST_EPOCH, 1), withId("call", deleteOf()));

      const told = await authority.write(command, { to: "shadow", guard: { version: null } });

      expect(told).toEqual({ outcome: "moved", version: first.version });
    });

    it("loses no step of a counter that two connections count up at once", async () => {
      const { authority, openAnother } = await open();
      const authorities = [authority, (await openAnother()).authority];
      await write(authority, setOf({ value: "0" }));

      await Promise.all(
        authorities.map(async (one) => {
          for (let done = 0; done < 10; ) {
            const { entry } = (await one.current("user:1"))!;
            const command = setOf({ value: String(Number(entry.value) + 1) });
            const counted = await write(one, ifVersion(entry.version, command));
            if (counted.outcome === "written") done += 1;
          }
        }),
      );

      expect((await authority.current("user:1"))?.entry.value).toBe("20");
    });
  });

  describe("an idempotency key", () => {
    it("makes the same write again a repetition of the first, through any connection", async () => {
      const { authority, openAnother } = await open();
      const another = (await openAnother()).authority;
      const first = await written(authority, withId("one", setOf({ value: "held" })));
      await written(another, setOf({ value: "plain" }));

      const again = await write(another, withId("one", setOf({ value: "held" })));

      expect(again).toEqual({ outcome: "repeated", version: first.version, from: "shadow" });
      expect((await authority.current("user:1"))?.entry.value).toBe("plain");
    });

    it("with other arguments is refused", async () => {
      const { authority } = await open();
      const first = await written(authority, withId("one", setOf()));

      for (const other of [setOf({ value: "other" }), deleteOf(), ifAbsent(setOf())]) {
        expect(await write(authority, withId("one", other))).toEqual({ outcome: "reused" });
      }
      expect((await authority.current("user:1"))?.entry).toEqual(first);
    });

    it("is a repetition also where its condition no longer holds", async () => {
      const { authority } = await open();
      const command = withId("one", ifAbsent(setOf()));
      const first = await written(authority, command);

      expect(await write(authority, command)).toMatchObject({
        outcome: "repeated",
        version: first.version,
      });
    });

    it("lets one of ten repetitions write that come at once", async () => {
      const { authority, openAnother } = await open();
      const authorities = [authority, (await openAnother()).authority];

      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, at) => write(authorities[at % 2]!, withId("one", setOf()))),
      );

      expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual([
        ...Array<string>(9).fill("repeated"),
        "written",
      ]);
    });

    it("is one of the last four, over deletes and plain writes", async () => {
      const { authority } = await open();
      for (const id of ["one", "two", "three", "four", "five"]) {
        await written(authority, withId(id, setOf({ value: id })));
      }
      await written(authority, deleteOf());
      await written(authority, setOf());

      const outcomes: string[] = [];
      for (const id of ["two", "three", "four", "five", "one"]) {
        outcomes.push((await write(authority, withId(id, setOf({ value: id })))).outcome);
      }

      expect(outcomes).toEqual([...Array<string>(4).fill("repeated"), "written"]);
    });

    it("is remembered from a row, and from an event, that a cache's authority has made", async () => {
      const { authority, store, outbox } = await open();
      const [a, b] = ["a", "b"].map((key) => {
        const { version } = entryOf();
        const idempotency = [{ ...markOf("one", setOf()), version }];
        return entryOf({ key, idempotency });
      });
      await store.applyNewer([a!], "ASYNC_THREAD");
      await outbox.append([b!]);

      const [ofRow, ofEvent] = [
        await write(authority, withId("one", setOf({ key: "a" }))),
        await write(authority, withId("one", setOf({ key: "b" }))),
      ];

      expect(ofRow).toEqual({ outcome: "repeated", version: a!.version, from: "shadow" });
      expect(ofEvent).toEqual({ outcome: "repeated", version: b!.version, from: "outbox" });
    });
  });
}

function write(authority: StoreAuthorityPort, command: WriteCommand): Promise<AuthorityWrite> {
  return authority.write(command, { to: "shadow" });
}

async function written(authority: StoreAuthorityPort, command: WriteCommand) {
  const made = await write(authority, command);
  if (made.outcome !== "written") throw new Error(`The write was not made: ${made.outcome}.`);
  return made.entry;
}
