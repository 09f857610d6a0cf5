import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "@jest/globals";
import type { Figure } from "../bench/figure.ts";
import { describeWith } from "../support/servers/describe-with.ts";

const bench = join(import.meta.dirname, "../../dist/test/bench/main.js");
/** Without the peers, which take another minute. */
const METRICS = ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P11", "P12", "P13"];
/** A minute on an idle machine; one with a load of 38 on two cores took eight. */
const limitMs = 900_000;

describeWith(["redis", "mongodb"], "npm run bench -- --small", () => {
  it(
    "measures every metric beside its ceilings, prints the table and writes the figures",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "lockstep-test-bench-"));
      try {
        const file = join(folder, "figures.json");

        const { stdout } = await promisify(execFile)(process.execPath, [
          bench,
          "--small",
          "--json",
          file,
          ...METRICS,
        ]);

        const { figures } = JSON.parse(await readFile(file, "utf8")) as {
          figures: Figure[];
        };
        expect(new Set(figures.map(({ metric }) => metric))).toEqual(new Set(METRICS));
        for (const figure of figures) expect(stdout).toContain(figure.what);
        // Hardly anything was measured: a ratio can only show that both sides were what they are meant to be.
        expect(figures.filter((figure) => !isSane(figure))).toEqual([]);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    limitMs,
  );
});

function isSane({ metric, measured, ceilings }: Figure): boolean {
  // The difference of two latencies can be anything on a busy machine.
  if (metric === "P2") return Number.isFinite(measured.median);
  return (
    measured.median >= 0 &&
    ceilings.every((ceiling) => {
      const ratio = measured.median / ceiling.measured.median;
      return ratio > 0.001 && ratio < 1000;
    })
  );
}
