export interface GroupedLookupOptions<Value> {
  /** So many questions are under way at once; who asks meanwhile shares the next one. */
  readonly questionsMax: number;
  /** So many keys one question has at most. */
  readonly keysMax: number;
  /** Asks for all of the keys; one that is not in the answer is not there. */
  readonly ask: (keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>;
}

interface Question<Value> {
  readonly keys: Set<string>;
  readonly answer: Promise<ReadonlyMap<string, Value>>;
  readonly send: () => void;
}

/**
 * Looks things up one by one for its callers and together at the other side: the busier that is, the more go in one
 * question, instead of a question each that waits for the ones before it. A question is sent after each of its callers
 * has asked, so none gets an answer that is older than its call. With nothing under way, it is sent at once.
 */
export class GroupedLookup<Value> {
  readonly #options: GroupedLookupOptions<Value>;
  readonly #waiting: Question<Value>[] = [];
  #underWay = 0;

  constructor(options: GroupedLookupOptions<Value>) {
    this.#options = options;
  }

  /** Fails as the question fails that the key was in. */
  async get(key: string): Promise<Value | undefined> {
    const question = this.#openFor(key);
    question.keys.add(key);
    this.#sendNext();
    return (await question.answer).get(key);
  }

  #openFor(key: string): Question<Value> {
    const last = this.#waiting.at(-1);
    const hasRoom =
      last !== undefined && (last.keys.has(key) || last.keys.size < this.#options.keysMax);
    if (hasRoom) return last;
    const question = this.#newQuestion();
    this.#waiting.push(question);
    return question;
  }

  #newQuestion(): Question<Value> {
    const keys = new Set<string>();
    let send = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      send = resolve;
    });
    const answer = turn
      .then(() => this.#options.ask([...keys]))
      .finally(() => {
        this.#underWay -= 1;
        this.#sendNext();
      });
    return { keys, answer, send };
  }

  #sendNext(): void {
    if (this.#underWay >= this.#options.questionsMax) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#underWay += 1;
    next.send();
  }
}
