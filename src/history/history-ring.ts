import type { DatedKeyEvent, KeyEvent, KeyEventKind } from "./key-event.ts";

type Slot = { -readonly [Field in keyof DatedKeyEvent]: DatedKeyEvent[Field] };

/**
 * The last events of the keys that were last busy, in memory: at most so many for one key, and so many in all. Keys are in one
 * of two generations. A key that is noted moves to the young one; when that holds half of what there may be, the old one is
 * forgotten whole and the young one becomes the old. So nothing is ever taken out of a map: finding the first key of one
 * that has lost many is slow. A note costs about 0.2 µs.
 */
export class HistoryRing {
  readonly #youngMax: number;
  readonly #perKeyMax: number;
  #young = new Map<string, Slot[]>();
  #old: ReadonlyMap<string, Slot[]> = new Map();
  #youngEvents = 0;

  constructor({
    eventsMax,
    perKeyMax,
  }: {
    readonly eventsMax: number;
    readonly perKeyMax: number;
  }) {
    this.#youngMax = Math.floor(eventsMax / 2);
    this.#perKeyMax = perKeyMax;
  }

  /** Answers whether it is news: what happened last, once more, is counted and not listed again. */
  add(key: string, event: KeyEvent, atMs: number): "new" | "again" {
    if (this.#youngMax === 0) return "new";
    const slots = this.#slotsOf(key);
    const last = slots.at(-1);
    if (last !== undefined && isSame(last, event)) {
      last.atMs = atMs;
      last.times += 1;
      return "again";
    }
    slots.push(slotOf(event, atMs));
    if (slots.length > this.#perKeyMax) slots.shift();
    else this.#youngEvents += 1;
    if (this.#youngEvents > this.#youngMax) this.#age();
    return "new";
  }

  /** Oldest first. */
  of(key: string): readonly DatedKeyEvent[] {
    return this.#known(key)?.map((slot) => ({ ...slot })) ?? [];
  }

  /** The last of the key's events that is of one of these kinds. */
  lastAmong(key: string, kinds: ReadonlySet<KeyEventKind>): KeyEventKind | undefined {
    return this.#known(key)?.findLast(({ what }) => kinds.has(what))?.what;
  }

  #known(key: string): Slot[] | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** The key's events, which belong to the young from now on. */
  #slotsOf(key: string): Slot[] {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const slots = this.#old.get(key) ?? [];
    this.#young.set(key, slots);
    this.#youngEvents += slots.length;
    return slots;
  }

  #age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngEvents = 0;
  }
}

/** All slots have the same fields in the same order, which the engine rewards. */
function slotOf(event: KeyEvent, atMs: number): Slot {
  const { what, how, version, sessionId = null, interactionId = null, note = null } = event;
  return { what, how, version, sessionId, interactionId, note, atMs, times: 1 };
}

function isSame(one: KeyEvent, other: KeyEvent): boolean {
  return one.what === other.what && one.version === other.version && one.how === other.how;
}
