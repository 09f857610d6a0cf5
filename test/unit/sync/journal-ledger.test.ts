import { describe, expect, it } from "@jest/globals";
import { JournalLedger } from "../../../src/sync/journal-ledger.ts";
import { versionNo } from "../../contract/entries.ts";

const ENTRIES_MAX = 10_000;

function full(): JournalLedger {
  const ledger = new JournalLedger();
  for (let no = 0; no < ENTRIES_MAX; no += 1) ledger.acknowledged(`key ${no}`, versionNo(no));
  return ledger;
}

describe("JournalLedger", () => {
  it("remembers the newest write of each key, in whatever order it hears of them", () => {
    const ledger = new JournalLedger();
    ledger.acknowledged("a", versionNo(2));
    ledger.acknowledged("b", versionNo(3));
    ledger.acknowledged("a", versionNo(1));

    expect(ledger.entries()).toEqual([
      { key: "a", version: versionNo(2) },
      { key: "b", version: versionNo(3) },
    ]);
  });

  it("forgets a write once the shadow has it or a newer one, and not because of an older one", () => {
    const ledger = new JournalLedger();
    for (const key of ["older", "equal", "newer"]) ledger.acknowledged(key, versionNo(2));

    ledger.landed("older", versionNo(1));
    ledger.landed("equal", versionNo(2));
    ledger.landed("newer", versionNo(3));
    ledger.landed("unknown", versionNo(3));

    expect(ledger.entries()).toEqual([{ key: "older", version: versionNo(2) }]);
  });

  it("releases exactly the write that is named, and once", () => {
    const ledger = new JournalLedger();
    ledger.acknowledged("a", versionNo(2));

    expect(ledger.release("a", versionNo(1))).toBe(false);
    expect(ledger.release("a", versionNo(3))).toBe(false);
    expect(ledger.release("a", versionNo(2))).toBe(true);
    expect(ledger.release("a", versionNo(2))).toBe(false);
    expect(ledger.size).toBe(0);
  });

  it("keeps the latest ten thousand, and counts what it had to forget", () => {
    const ledger = full();
    expect([ledger.size, ledger.forgotten]).toEqual([ENTRIES_MAX, 0]);

    ledger.acknowledged("one more", versionNo(1));

    expect([ledger.size, ledger.forgotten]).toEqual([ENTRIES_MAX, 1]);
    const keys = ledger.entries().map(({ key }) => key);
    expect([keys[0], keys.at(-1)]).toEqual(["key 1", "one more"]);
  });

  it("counts a key that is written again as late, and makes no room for it", () => {
    const ledger = full();
    ledger.acknowledged("key 0", versionNo(ENTRIES_MAX));
    expect(ledger.forgotten).toBe(0);

    ledger.acknowledged("one more", versionNo(1));

    const keys = ledger.entries().map(({ key }) => key);
    expect(keys[0]).toBe("key 2");
    expect(keys).toContain("key 0");
  });
});
