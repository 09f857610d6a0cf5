import { describe, expect, it } from "@jest/globals";
import { shrinkSteps } from "../../differential/shrink-steps.ts";

const steps = Array.from({ length: 100 }, (_, at) => at);

describe("shrinking", () => {
  it.each([[[0, 99]], [[3, 4, 57]], [[50]]])(
    "leaves of 100 steps the ones that are needed: %j",
    async (needed) => {
      const differs = async (some: readonly number[]) => needed.every((one) => some.includes(one));

      expect(await shrinkSteps(steps, differs)).toEqual(needed);
    },
  );

  it("keeps what a try fails without", async () => {
    const differs = async (some: readonly number[]) => {
      if (!some.includes(7)) throw new Error("Nothing was ever written.");
      return some.includes(70);
    };

    expect(await shrinkSteps(steps, differs)).toEqual([7, 70]);
  });

  it("ends after so many tries", async () => {
    let tries = 0;
    const differs = async () => {
      tries += 1;
      return false;
    };

    expect(await shrinkSteps(steps, differs, 10)).toEqual(steps);
    expect(tries).toBe(10);
  });
});
