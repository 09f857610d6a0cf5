import { describe, expect, it } from "@jest/globals";
import { sampleSizeFor } from "../../../src/jobs/sample-size.ts";

const bounds = { threshold: 0.9, min: 50, max: 500 };

describe("the size of a sample", () => {
  it.each([
    { what: "nothing speaks against it", expected: 1, size: 50, tells: true },
    {
      what: "the share is a little better than the threshold",
      expected: 0.95,
      size: 139,
      tells: true,
    },
    { what: "it is hardly better", expected: 0.92, size: 500, tells: false },
    { what: "it is at the threshold", expected: 0.9, size: 500, tells: false },
    { what: "it is worse", expected: 0.85, size: 139, tells: true },
    { what: "it is much worse", expected: 0.5, size: 50, tells: true },
  ])("is $size where $what ($expected)", ({ expected, size, tells }) => {
    expect(sampleSizeFor({ ...bounds, expected })).toEqual({ size, tells });
  });
});
