import type { KeyContent } from "../cache/model-keys-port.ts";
import type { Clock } from "../lib/clock.ts";
import { type FieldRecord, fieldAt } from "../model/field-value.ts";
import { decodeEntry, shapeOf } from "./cached-entry.ts";
import { jsonFormOf } from "./cached-field.ts";
import { compareEntry, type EntryState } from "./compare-entry.ts";
import { keyTextOf } from "./key-template.ts";
import type { Model } from "./model.ts";
import { type ModelBackends, requireBackends } from "./model-backends.ts";

/** One key of a model as it was seen: both copies, and what they say about each other. */
export interface EntryLook {
  readonly key: string;
  /** As it stands in the key. */
  readonly id: string;
  readonly document: FieldRecord | undefined;
  readonly content: KeyContent;
  readonly found: EntryState;
}

/** How long a difference must last before it counts, milliseconds: longer than the two writes of one change of an application are apart. */
export const SECOND_LOOK_MS = 250;

/** So often a key is looked at that changes from look to look. */
const LOOKS_MAX = 4;

/** Reads documents and entries together and compares them. Changes nothing. Errors: those of both ports. */
export class ModelLooker {
  readonly #backends: ModelBackends;
  readonly #clock: Clock;

  constructor(backends: ModelBackends, clock: Clock) {
    this.#backends = backends;
    this.#clock = clock;
  }

  /** What the cache has for documents that were just read; those without a key are left out. */
  async lookAtDocuments(
    model: Model,
    documents: readonly FieldRecord[],
  ): Promise<readonly EntryLook[]> {
    const keyed = documents.flatMap((document) => {
      const key = model.key.keyOf(document);
      return key === undefined ? [] : [{ key, document }];
    });
    return this.#look(model, new Map(keyed.map(({ key, document }) => [key, document])));
  }

  /** What store and cache have at keys of the model's form; others are left out. */
  async lookAtKeys(model: Model, keys: readonly string[]): Promise<readonly EntryLook[]> {
    const { documents } = requireBackends(this.#backends);
    const ids = new Map<string, string>();
    for (const key of keys) {
      const id = model.key.parse(key)?.get(model.collection.id.field);
      if (id !== undefined) ids.set(key, id);
    }
    const found = await documents.find(model.collection, [...new Set(ids.values())]);
    const byKey = new Map(found.map((document) => [model.key.keyOf(document), document]));
    // A document that has moved to another key is not the one of this key.
    return this.#look(model, new Map([...ids.keys()].map((key) => [key, byKey.get(key)])));
  }

  /**
   * Looks at suspects again until what they show has stood for {@link SECOND_LOOK_MS}: a difference between the two writes
   * of one change is none. Those that change all the time are `moving`.
   */
  async confirm(
    model: Model,
    suspects: readonly EntryLook[],
    signal?: AbortSignal,
  ): Promise<{ readonly settled: readonly EntryLook[]; readonly moving: readonly string[] }> {
    const settled: EntryLook[] = [];
    let open = suspects;
    for (let look = 1; look < LOOKS_MAX && open.length > 0; look += 1) {
      await this.#clock.sleep(SECOND_LOOK_MS, signal);
      const before = new Map(open.map((one) => [one.key, signOf(one)]));
      const now = await this.lookAtKeys(model, [...before.keys()]);
      const hasSettled = (one: EntryLook) =>
        !isDrift(one.found) || signOf(one) === before.get(one.key);
      settled.push(...now.filter(hasSettled));
      open = now.filter((one) => !hasSettled(one));
    }
    return { settled, moving: open.map(({ key }) => key) };
  }

  async #look(
    model: Model,
    documents: ReadonlyMap<string, FieldRecord | undefined>,
  ): Promise<readonly EntryLook[]> {
    const { keys } = requireBackends(this.#backends);
    const names = [...documents.keys()];
    const contents = await keys.readMany(names, shapeOf(model));
    const looks = names.map((key, at): EntryLook => {
      const document = documents.get(key);
      const content = contents[at] ?? { type: "none" };
      const found = compareEntry(model, document, decodeEntry(model, content));
      return { key, id: idInKey(model, key), document, content, found };
    });
    return this.#markOwn(looks);
  }

  /** A key that has lost its meta to an eviction is known by its row. What is sound is left alone, whoever owns it. */
  async #markOwn(looks: readonly EntryLook[]): Promise<readonly EntryLook[]> {
    const open = looks.filter(({ found }) => isDrift(found) || found.state === "missing");
    if (open.length === 0) return looks;
    const own = await this.#backends.rows.existing(open.map(({ key }) => key));
    if (own.size === 0) return looks;
    return looks.map((look) =>
      own.has(look.key) ? { ...look, found: { state: "lockstep" } } : look,
    );
  }
}

/** Whether the two copies contradict each other. An entry that is not there contradicts nothing. */
export function isDrift({ state }: EntryState): boolean {
  return state === "inconsistent" || state === "orphaned" || state === "undecodable";
}

/** The id of a document as it stands in a key. */
export function idOf(model: Model, document: FieldRecord | undefined): string | undefined {
  const { field } = model.collection.id;
  return document === undefined ? undefined : keyTextOf(fieldAt(document, field));
}

/** The id in a key of the model's form; "" in another key. */
export function idInKey(model: Model, key: string): string {
  return model.key.parse(key)?.get(model.collection.id.field) ?? "";
}

/** Equal for two looks that saw the same. */
function signOf({ document, content }: EntryLook): string {
  const stored = document === undefined ? null : jsonFormOf(document);
  return JSON.stringify([stored, contentSign(content)]);
}

function contentSign(content: KeyContent): unknown {
  switch (content.type) {
    case "none":
    case "lockstep":
    case "other":
      return content;
    case "string":
      return content.bytes.toString("base64");
    case "hash":
      return [...content.fields].sort(([one], [other]) => (one < other ? -1 : 1));
  }
}
