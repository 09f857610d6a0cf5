import type { SeededRandom } from "../support/seeded-random.ts";
import type { Site } from "./client.ts";
import { often } from "./often.ts";
import type { StepLog } from "./step-log.ts";
import type { Timeline } from "./timeline.ts";

export interface TroubleParts {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly log: StepLog;
  readonly sites: readonly Site[];
  readonly crash: (site: Site) => void;
  /** After whatever was done. */
  readonly onChange: () => void;
}

/** What befalls processes wherever they keep their data, and how trouble of any kind comes and is written down. */
export class Trouble {
  readonly #parts: TroubleParts;
  #isOver = false;

  constructor(parts: TroubleParts) {
    this.#parts = parts;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
  }

  often(everyMs: number | undefined, act: () => void): void {
    const { timeline, random, onChange } = this.#parts;
    often({ timeline, random, everyMs, isOver: () => this.#isOver }, () => {
      act();
      onChange();
    });
  }

  crash(): void {
    const running = this.#parts.sites.filter(({ process }) => process !== undefined);
    if (running.length > 0) this.#parts.crash(this.#parts.random.pick(running));
  }

  pause(): void {
    const { sites, random } = this.#parts;
    const { process } = random.pick(sites);
    if (process === undefined) return;
    const forMs = random.fraction() ** 2 * 15_000;
    this.note(`${process.machine.name} stands still for ${Math.round(forMs)} ms`);
    process.machine.pause(forMs);
  }

  note(what: string): void {
    this.#parts.log.add(() => `— ${what}`);
  }
}
