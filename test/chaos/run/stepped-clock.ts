import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Where Debian and Ubuntu put libfaketime, which gives one process a clock of its own without any privilege. */
const LIBRARY = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
  .map((folder) => `${folder}/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

export const canStepClocks = LIBRARY !== undefined;

/** A wall clock for one process, which can be set while that runs. */
export class SteppedClock {
  readonly #file: string;

  constructor(folder: string, name: string) {
    this.#file = join(folder, `${name}.clock`);
    this.set(0);
  }

  /** For the process's environment. Time that only goes on, by which processes wait, is left alone. */
  get env(): Readonly<Record<string, string>> {
    if (LIBRARY === undefined)
      throw new Error("There is no libfaketime: apt-get install libfaketime.");
    return {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Ahead of the machine's clock by so many seconds; negative: behind it. */
  set(aheadSec: number): void {
    writeFileSync(this.#file, `${aheadSec < 0 ? "" : "+"}${aheadSec}\n`);
  }
}
