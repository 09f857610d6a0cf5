import { describe, expect, it } from "@jest/globals";
import {
  beginLife,
  earlierLife,
  lifeLeftMs,
  STATEMENT_LIFE_MS,
} from "../../../src/store/statement-life.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const expired = expect.objectContaining({ code: "WRITE_EXPIRED" });

describe("the life of a statement", () => {
  it("is ten minutes long, and over at the end of them", async () => {
    const clock = new ManualClock();
    const life = beginLife(clock);

    expect(lifeLeftMs(life, clock)).toBe(STATEMENT_LIFE_MS);
    await clock.advance(STATEMENT_LIFE_MS - 1);
    expect(lifeLeftMs(life, clock)).toBe(1);
    await clock.advance(1);
    expect(() => lifeLeftMs(life, clock)).toThrow(expired);
  });

  it("is not prolonged by a wall clock that is set back", async () => {
    const clock = new ManualClock();
    const life = beginLife(clock);
    await clock.advance(STATEMENT_LIFE_MS);

    clock.setWallClock(clock.nowMs() - 3_600_000);

    expect(() => lifeLeftMs(life, clock)).toThrow(expired);
  });

  it("is over after a sleep of the machine, which its monotonic clock has not seen", () => {
    const clock = new ManualClock();
    const life = beginLife(clock);

    clock.setWallClock(clock.nowMs() + STATEMENT_LIFE_MS);

    expect(() => lifeLeftMs(life, clock)).toThrow(expired);
    expect(lifeLeftMs(beginLife(clock), clock)).toBe(STATEMENT_LIFE_MS);
  });

  it("of two statements in one is the one that ends first", async () => {
    const clock = new ManualClock();
    const first = beginLife(clock);
    await clock.advance(1000);
    const second = beginLife(clock);

    expect(earlierLife(first, second)).toEqual(first);
    expect(earlierLife(second, first)).toEqual(first);
  });
});
