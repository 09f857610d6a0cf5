import { beforeEach, describe, expect, it } from "@jest/globals";
import { FIRST_EPOCH, formatVersion } from "../../../src/model/version.ts";
import { Ledger } from "../../simulation/ledger.ts";
import { Machine } from "../../simulation/machine.ts";
import { Timeline } from "../../simulation/timeline.ts";

const version = (seq: number, epoch = FIRST_EPOCH) => formatVersion(epoch, seq);
const by = undefined;

describe("what a simulation holds calls to, whatever Redis has lost", () => {
  let ledger: Ledger;
  beforeEach(() => {
    ledger = new Ledger();
  });

  const write = (value: string | null, told: { seq: number; survives?: boolean; by?: Machine }) => {
    const begun = ledger.begin({ key: "a", value });
    const { seq, survives = true } = told;
    ledger.acknowledge(begun, { version: version(seq), survives, by: told.by });
  };

  it("is that a later write outranks an earlier one", () => {
    write("one", { seq: 2 });
    write("two", { seq: 1 });

    expect(ledger.violations()).toEqual([
      `a: ${version(1)} was given after ${version(2)} had been acknowledged.`,
    ]);
  });

  it("is not that of two at once", () => {
    const [one, other] = [
      ledger.begin({ key: "a", value: "one" }),
      ledger.begin({ key: "a", value: "other" }),
    ];
    ledger.acknowledge(one, { version: version(2), survives: true, by });
    ledger.acknowledge(other, { version: version(1), survives: true, by });

    expect(ledger.violations()).toEqual([]);
  });

  it.each(["one", null])("is that no read shows %s after a newer write that survives", (value) => {
    write("one", { seq: 1 });
    write("two", { seq: 2 });
    ledger.read("a", value, ledger.moment());

    expect(ledger.violations()).toHaveLength(1);
  });

  it.each([
    [
      "a newer write that nobody was told of",
      () => ledger.leaveUnknown(ledger.begin({ key: "a", value: "two" })),
      "two",
    ],
    [
      "a delete that nobody was told of",
      () => ledger.leaveUnknown(ledger.begin({ key: "a", value: null })),
      null,
    ],
    ["a write that Redis has lost", () => write("two", { seq: 2, survives: false }), "one"],
  ] as const)("lets a read show what stands after %s", (_what, meanwhile, value) => {
    write("one", { seq: 1 });
    meanwhile();
    ledger.read("a", value, ledger.moment());

    expect(ledger.violations()).toEqual([]);
  });

  describe("of a write that is lost", () => {
    const machine = new Machine("A1", new Timeline());

    it("is that the process says so that had acknowledged it", () => {
      write("one", { seq: 1, survives: false, by: machine });
      ledger.drained(new Map());
      expect(ledger.violations()).toHaveLength(1);

      ledger.reported(machine, [{ key: "a", version: version(1) }]);

      expect(ledger.violations()).toEqual([]);
    });

    it("is nothing where the row has it, or a newer one, or where it came afterwards", () => {
      write("one", { seq: 1, survives: false, by: machine });
      ledger.drained(new Map([["a", { version: version(2) }]]));
      write("two", { seq: 3, survives: false, by: machine });

      expect(ledger.violations()).toEqual([]);
    });

    it("is nothing where that process is gone", () => {
      const gone = new Machine("B1", new Timeline());
      gone.crash();
      write("one", { seq: 1, survives: false, by: gone });
      ledger.drained(new Map());

      expect(ledger.violations()).toEqual([]);
    });
  });
});
