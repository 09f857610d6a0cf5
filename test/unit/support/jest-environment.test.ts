import { readFile } from "node:fs/promises";
import { describe, expect, it } from "@jest/globals";

describe("the environment of tests", () => {
  it("knows an error made by node for an Error, and for nothing else", async () => {
    class OtherError extends Error {}

    const failure: unknown = await readFile("/no/such/file").catch((error: unknown) => error);

    expect(failure instanceof Error).toBe(true);
    expect(failure instanceof TypeError).toBe(false);
    expect(failure instanceof OtherError).toBe(false);
    expect(new OtherError() instanceof OtherError).toBe(true);
    expect({ message: "alike" } instanceof Error).toBe(false);
  });
});
