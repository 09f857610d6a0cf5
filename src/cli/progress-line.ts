import type { Clock } from "../lib/clock.ts";
import type { CliContext } from "./cli-context.ts";

/** A terminal needs no more, milliseconds. */
const REDRAW_MS = 100;

const BAR_WIDTH = 24;

/** To the beginning of the line, and nothing on it. */
export const CLEAR_LINE = "\r\u001b[K";

/**
 * A bar that is drawn over itself on stderr, where a person looks at it; elsewhere, and beside an answer for a program,
 * nothing is written.
 */
export class ProgressLine {
  readonly #stderr: CliContext["stderr"];
  readonly #isShown: boolean;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #label: string;
  #drawnMs = Number.NEGATIVE_INFINITY;
  /** What the bar stands at; undefined while there is none. */
  #done: number | undefined;

  constructor(
    { label, json }: { readonly label: string; readonly json: boolean },
    { stderr, isTerminal }: Pick<CliContext, "stderr" | "isTerminal">,
    clock: Pick<Clock, "monotonicMs">,
  ) {
    this.#label = label;
    this.#stderr = stderr;
    this.#isShown = isTerminal && !json;
    this.#clock = clock;
  }

  /** Of about `total`, which may turn out to be more or fewer. */
  readonly show = (done: number, total = done): void => {
    if (!this.#isShown) return;
    this.#done = done;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#stderr.write(`\r${drawn(this.#label, done, total)}`);
  };

  /** The work is done: the bar is full, and stays. */
  finish(): void {
    if (this.#done === undefined) return;
    this.#stderr.write(`${CLEAR_LINE}${drawn(this.#label, this.#done, this.#done)}\n`);
    this.#done = undefined;
  }

  /** Takes a bar away that was not finished, so that what is printed next stands alone. */
  clear(): void {
    if (this.#done !== undefined) this.#stderr.write(CLEAR_LINE);
    this.#done = undefined;
  }
}

function drawn(label: string, done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(share * BAR_WIDTH);
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  return `${label} ${bar} ${Math.floor(share * 100)} % (${done} of ${total})`;
}
