import type { Clock } from "../lib/clock.ts";
import type { CliContext } from "./cli-context.ts";

/** A terminal needs no more, milliseconds. */
const REDRAW_MS = 100;

const BAR_WIDTH = 24;

/** A bar that is drawn over itself on stderr, where a person looks at it; elsewhere nothing is written. */
export class ProgressLine {
  readonly #context: Pick<CliContext, "stderr" | "isTerminal">;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #label: string;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #isDrawn = false;

  constructor(
    label: string,
    context: Pick<CliContext, "stderr" | "isTerminal">,
    clock: Pick<Clock, "monotonicMs">,
  ) {
    this.#label = label;
    this.#context = context;
    this.#clock = clock;
  }

  /** Of about `total`, which may turn out to be more or fewer. */
  readonly show = (done: number, total = done): void => {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#context.isTerminal || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    this.#context.stderr.write(`\r${drawn(this.#label, done, total)}`);
  };

  /** Takes the bar away, so that what is printed next stands alone. */
  clear(): void {
    if (this.#isDrawn) this.#context.stderr.write("\r\u001b[K");
    this.#isDrawn = false;
  }
}

function drawn(label: string, done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(share * BAR_WIDTH);
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  return `${label} ${bar} ${Math.floor(share * 100)} % (${done} of ${total})`;
}
