import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { requireServer } from "../../support/servers/found-servers.ts";

/** A wall clock for one process, which can be set while that runs. */
export class SteppedClock {
  readonly #file: string;

  constructor(folder: string, name: string) {
    this.#file = join(folder, `${name}.clock`);
    this.set(0);
  }

  /** For the process's environment. Time that only goes on, by which processes wait, is left alone. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: requireServer("libfaketime").binary,
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
