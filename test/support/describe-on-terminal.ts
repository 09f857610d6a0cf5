import { describe } from "@jest/globals";
import { findTerminalMaker, type TerminalMaker } from "./pseudo-terminal.ts";

const maker = await findTerminalMaker();

/** A `describe` for tests on a pseudo-terminal; skipped, and saying so in its title, where none can be made. */
export function describeOnTerminal(title: string, suite: (make: TerminalMaker) => void): void {
  if (maker !== undefined) describe(title, () => suite(maker));
  else
    describe.skip(`${title} (skipped: neither script of util-linux nor python3)`, () =>
      suite(none));
}

function none(): never {
  throw new Error("There is no pseudo-terminal.");
}
