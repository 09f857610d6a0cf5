export interface GroupedCallsOptions<Item, Answer> {
  /** So many calls are under way at once; who comes meanwhile shares the next one. */
  readonly callsMax: number;
  /** So many items one call has at most. */
  readonly itemsMax: number;
  readonly call: (items: readonly Item[]) => Promise<Answer>;
}

interface Group<Item, Answer> {
  readonly items: Item[];
  readonly answer: Promise<Answer>;
  readonly send: () => void;
}

/**
 * Calls to another side that come one by one and are made together: the busier the other side is, the more of them one
 * call carries, instead of a call each that waits for those before it. A call is made after each of its items has come,
 * so none gets an answer that is older than itself. With nothing under way, it is made at once.
 */
export class GroupedCalls<Item, Answer> {
  readonly #options: GroupedCallsOptions<Item, Answer>;
  readonly #waiting: Group<Item, Answer>[] = [];
  #underWay = 0;

  constructor(options: GroupedCallsOptions<Item, Answer>) {
    this.#options = options;
  }

  /** The answer to the call that carried the item; fails as that call fails. */
  with(item: Item): Promise<Answer> {
    const group = this.#openGroup();
    group.items.push(item);
    this.#sendNext();
    return group.answer;
  }

  #openGroup(): Group<Item, Answer> {
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.items.length < this.#options.itemsMax) return last;
    const group = this.#newGroup();
    this.#waiting.push(group);
    return group;
  }

  #newGroup(): Group<Item, Answer> {
    const items: Item[] = [];
    let send = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      send = resolve;
    });
    const answer = turn
      .then(() => this.#options.call(items))
      .finally(() => {
        this.#underWay -= 1;
        this.#sendNext();
      });
    return { items, answer, send };
  }

  #sendNext(): void {
    if (this.#underWay >= this.#options.callsMax) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#underWay += 1;
    next.send();
  }
}
