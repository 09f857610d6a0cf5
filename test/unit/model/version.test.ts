import { describe, expect, it } from "@jest/globals";
import {
  epochOf,
  FIRST_EPOCH,
  formatVersion,
  isVersion,
  seqOf,
  writtenAtMs,
} from "../../../src/model/version.ts";
import { seeded } from "../../support/seeded-random.ts";

describe("version", () => {
  it("is eight digits of epoch and sixteen of seq", () => {
    expect(formatVersion(FIRST_EPOCH, 42)).toBe("000000010000000000000042");
  });

  it("gives epoch and seq back", () => {
    const version = formatVersion(12_345_678, Number.MAX_SAFE_INTEGER);

    expect(epochOf(version)).toBe(12_345_678);
    expect(seqOf(version)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it("keeps its width for every seq that is a safe integer", () => {
    expect(formatVersion(99_999_999, Number.MAX_SAFE_INTEGER)).toHaveLength(24);
    expect(formatVersion(0, 0)).toHaveLength(24);
  });

  it(
    "compares as text in the order of epoch, then seq",
    seeded((random) => {
      const epochs = [1, 2, 9, 10, 99_999_999];
      const draw = () => ({
        epoch: random.pick(epochs),
        seq: random.pick([random.integer(20), Math.floor(random.fraction() * 2 ** 53)]),
      });
      for (let times = 0; times < 500; times += 1) {
        const [one, other] = [draw(), draw()];

        const asText = compare(
          formatVersion(one.epoch, one.seq),
          formatVersion(other.epoch, other.seq),
        );

        expect(asText).toBe(compare(one.epoch, other.epoch) || compare(one.seq, other.seq));
      }
    }),
  );

  it("tells the millisecond in which it was minted", () => {
    expect(writtenAtMs(formatVersion(1, 1_700_000_000_123_999))).toBe(1_700_000_000_123);
  });

  it.each(["000000010000000000000042", "999999999999999999999999"])("is recognised: %s", (text) => {
    expect(isVersion(text)).toBe(true);
  });

  it.each([
    "",
    "1",
    "00000001000000000000004",
    "0000000100000000000000042",
    "00000001000000000000004x",
    "000000010000000000000042\n",
    " 00000001000000000000042",
  ])("is not mistaken: %j", (text) => {
    expect(isVersion(text)).toBe(false);
  });
});

function compare<T extends number | string>(one: T, other: T): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
