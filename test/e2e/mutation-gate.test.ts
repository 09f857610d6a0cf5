import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { judgeMutants } from "../mutation/gate.ts";
import type { Mutant } from "../mutation/mutant.ts";
import { MUTANTS } from "../mutation/mutants.ts";

const ROOT = join(import.meta.dirname, "../..");

/** Takes the width from the seq of a version, which its own test must notice. */
const harmful: Mutant = {
  name: "harmful",
  file: "src/model/version.ts",
  original: `String(seq).padStart(SEQ_DIGITS, "0")`,
  replacement: "String(seq)",
  why: "Versions of different width are not in order.",
  killer: { project: "unit", file: "test/unit/model/version.test.ts", test: "version" },
};

describe("the mutation gate", () => {
  it("reports a mutant that changes nothing as a survivor, and what no longer fits as invalid", async () => {
    const unchanged = { ...harmful, name: "unchanged", replacement: harmful.original };
    const movedOn = { ...harmful, name: "moved on", original: "nothing of this file" };
    const ambiguous = { ...harmful, name: "ambiguous", original: "const" };
    const unloadable = { ...harmful, name: "unloadable", replacement: "(" };
    const unguarded = { ...harmful, killer: { ...harmful.killer, test: "no such title" } };

    const verdicts = await judgeMutants(ROOT, [
      harmful,
      unchanged,
      movedOn,
      ambiguous,
      unloadable,
      { ...unguarded, name: "unguarded" },
    ]);

    expect(verdicts.map(({ name, fate }) => [name, fate])).toEqual([
      ["harmful", "killed"],
      ["unchanged", "survived"],
      ["moved on", "invalid"],
      ["ambiguous", "invalid"],
      ["unloadable", "invalid"],
      ["unguarded", "invalid"],
    ]);
  }, 180_000);

  it("has no two mutants of one name", () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });
});
