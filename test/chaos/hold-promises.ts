import { expect, it } from "@jest/globals";
import { describeWith } from "../support/servers/describe-with.ts";
import { families, needsOf } from "./families.ts";
import { describeFailure } from "./report.ts";
import { runChaos } from "./run/run-chaos.ts";

/** Generous: most of a run is waiting, and a run that stands still tells why by itself, in half of this. */
const LIMIT_MS = 240_000;

/** One small run of each family, with a plan that is always the same. `npm run chaos` makes long ones with others. */
export function describeFamilies(names: readonly string[]): void {
  for (const name of names) {
    const family = families.find((one) => one.name === name);
    if (family === undefined) throw new Error(`There is no family ${name}.`);
    describeWith(needsOf(family), `chaos: ${name}`, () => {
      it(
        "breaks no promise",
        async () => {
          const small = { seed: 1, steps: 3, clients: 4, holdLimitMs: 1_000 };
          const result = await runChaos({ family, ...small });

          const failure = result.violations.length > 0 ? describeFailure(result) : "";
          expect(failure).toBe("");
        },
        LIMIT_MS,
      );
    });
  }
}
