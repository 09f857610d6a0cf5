import { describe, expect, it } from "@jest/globals";
import { readWithin } from "../../../src/store/read-within.ts";
import { ManualClock } from "../../support/manual-clock.ts";

describe("readWithin", () => {
  it("hands on an answer and a failure as they are", async () => {
    const clock = new ManualClock();
    const failure = new Error("broken");

    expect(await readWithin(clock, 100, Promise.resolve("row"))).toBe("row");
    await expect(readWithin(clock, 100, Promise.reject(failure))).rejects.toBe(failure);
  });

  it("does not wait longer than its limit", async () => {
    const clock = new ManualClock();
    const failure = readWithin(clock, 100, new Promise<never>(() => undefined)).catch(
      (error: unknown) => error,
    );

    await clock.advance(100);

    expect(await failure).toMatchObject({ code: "STORE_UNAVAILABLE" });
  });
});
