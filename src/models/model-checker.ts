import { chunksOf } from "../lib/chunks-of.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { type ShareInterval, wilsonInterval } from "../lib/wilson-interval.ts";
import { NAMED_KEYS_MAX } from "../model/key.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import { sampleKeys, scanKeys } from "./key-sample.ts";
import type { Model } from "./model.ts";
import { type ModelBackends, requireBackends } from "./model-backends.ts";
import { type EntryLook, idOf, isDrift, ModelLooker } from "./model-looker.ts";
import type { ModelRegistry } from "./model-registry.ts";
import { SeenKeys } from "./seen-keys.ts";

export const SAMPLE_SIZE_DEFAULT = 100;

/** How many documents or keys are read at once. */
const PAGE_SIZE = 200;

/** So many suspects are held back before they are looked at again together. */
const SUSPECTS_MAX = 500;

/** So many orphans are remembered, to count each once: some 10 MB of keys. */
const ORPHANS_REMEMBERED = 100_000;

export interface CheckRequest {
  /** How many entries of the cache, and how many documents, are looked at; default 100. */
  readonly sampleSize?: number;
  /** Looks at every document and every entry instead. */
  readonly all?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, total?: number) => void;
}

export interface ModelCheck {
  readonly model: string;
  /** Documents and entries that were looked at; one that is both counts once where all were looked at. */
  readonly checked: number;
  /** Entries that say what their document says. */
  readonly consistent: number;
  /** Entries that say something else, or cannot be read. */
  readonly inconsistent: number;
  /** Documents without an entry; no fault where an application caches what is asked for. */
  readonly missing: number;
  /** Entries without a document. */
  readonly orphaned: number;
  /** Whether some of the orphaned may have been counted twice: Redis may name a key twice, and there were too many to remember. */
  readonly orphanedAtMost: boolean;
  /** Keys of the model's form that are Lockstep's own, and no entries; they are in none of the other counts. */
  readonly lockstepKeys: number;
  /** The first 100 of them. */
  readonly lockstepKeyNames: readonly string[];
  /** Entries that changed from look to look; they are in none of the other counts. */
  readonly inMotion: number;
  /** Documents that have no key, because a field that it is made of is missing or unfit. */
  readonly withoutKey: number;
  /** Of the inconsistent: neither version nor timestamp could be compared. */
  readonly missingTimestamps: number;
  /** Consistent entries among those that are consistent, inconsistent or orphaned; null where there are none. */
  readonly ratio: number | null;
  /** Where the ratio of all entries lies, with 95 % confidence. */
  readonly interval: ShareInterval;
  /** Keys that are inconsistent or orphaned, with the cause; the first 100. */
  readonly drift: readonly { readonly key: string; readonly cause: string }[];
  readonly truncated: boolean;
  readonly tookMs: number;
}

export interface ModelCheckerParts {
  readonly registry: ModelRegistry;
  readonly backends: ModelBackends;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Compares entries with documents and counts. What contradicts is looked at again, so that the two writes of a change
 * under way do not count. A sample takes entries by chance to judge them, and documents by chance to see how many have
 * none: where only a few documents are cached, a sample of documents would hardly meet an entry.
 */
export class ModelChecker {
  readonly #parts: ModelCheckerParts;
  readonly #looker: ModelLooker;

  constructor(parts: ModelCheckerParts) {
    this.#parts = parts;
    this.#looker = new ModelLooker(parts.backends, parts.clock);
  }

  /** Errors: MODELS_NOT_CONFIGURED, INPUT_INVALID (no such model), CACHE_UNAVAILABLE, STORE_UNAVAILABLE, ABORTED. */
  async check(name: string, request: CheckRequest = {}): Promise<ModelCheck> {
    const { clock, registry, backends, log } = this.#parts;
    const model = registry.get(name);
    requireBackends(backends);
    const startedMs = clock.monotonicMs();
    const tally = new Tally();
    await (request.all === true
      ? this.#checkAll(model, tally, request)
      : this.#checkSample(model, tally, request));
    const report = tally.report(model.name, clock.monotonicMs() - startedMs);
    if (report.lockstepKeys > 0) {
      log.warn(
        { model: name, keys: report.lockstepKeyNames },
        `${report.lockstepKeys} keys have the form of ${name} and are Lockstep's own`,
      );
    }
    for (const { key, cause } of report.drift) {
      if (cause === "no_timestamps")
        log.warn({ model: name, key }, `Missing timestamps for comparison: ${key}`);
    }
    return report;
  }

  async #checkSample(model: Model, tally: Tally, request: CheckRequest): Promise<void> {
    const { sampleSize = SAMPLE_SIZE_DEFAULT, signal, progress } = request;
    const { documents, keys } = requireBackends(this.#parts.backends);
    const { random } = this.#parts;
    const sampled = await documents.sample(model.collection, sampleSize);
    for (const page of chunksOf(sampled, PAGE_SIZE)) {
      stopIfAborted(signal);
      const looks = await this.#looker.lookAtDocuments(model, page);
      tally.addDocuments(page.length, looks);
      progress?.(tally.checked, 2 * sampleSize);
    }
    await this.#warnOfUnseen(model, tally);
    const chosen = await sampleKeys(keys, model, { size: sampleSize, random, signal });
    const suspects: EntryLook[] = [];
    for (const page of chunksOf(chosen, PAGE_SIZE)) {
      stopIfAborted(signal);
      const looks = await this.#looker.lookAtKeys(model, page);
      tally.addEntries(looks.filter(({ found }) => !isDrift(found)));
      tally.checked += looks.length;
      suspects.push(...looks.filter(({ found }) => isDrift(found)));
      await this.#confirm(model, suspects, tally, SUSPECTS_MAX, signal);
      progress?.(tally.checked, 2 * sampleSize);
    }
    await this.#confirm(model, suspects, tally, 1, signal);
  }

  async #checkAll(model: Model, tally: Tally, { signal, progress }: CheckRequest): Promise<void> {
    const { documents, keys } = requireBackends(this.#parts.backends);
    const total = await documents.count(model.collection);
    const suspects: EntryLook[] = [];
    const take = async (looks: readonly EntryLook[]) => {
      suspects.push(...looks.filter(({ found }) => isDrift(found)));
      await this.#confirm(model, suspects, tally, SUSPECTS_MAX, signal);
      progress?.(tally.checked, Math.max(total, tally.checked));
    };
    let after: string | undefined;
    for (let isLast = false; !isLast; ) {
      stopIfAborted(signal);
      const page = await documents.page(model.collection, { after, limit: PAGE_SIZE });
      const looks = await this.#looker.lookAtDocuments(model, page);
      tally.addDocuments(page.length, looks);
      tally.addEntries(
        looks.filter(({ found }) => found.state === "consistent" || found.state === "lockstep"),
      );
      await take(looks);
      after = idOf(model, page.at(-1));
      isLast = page.length < PAGE_SIZE || after === undefined;
    }
    await this.#warnOfUnseen(model, tally);
    for await (const page of scanKeys(keys, model)) {
      stopIfAborted(signal);
      const looks: EntryLook[] = [];
      for (const chunk of chunksOf(page, PAGE_SIZE))
        looks.push(...(await this.#looker.lookAtKeys(model, chunk)));
      // Those with a document have been judged with it; a scan may meet a key twice.
      const alone = looks.filter(
        ({ key, document, found }) =>
          document === undefined && found.state !== "absent" && tally.keysSeen.isNew(key),
      );
      tally.checked += alone.length;
      tally.addEntries(alone.filter(({ found }) => found.state === "lockstep"));
      await take(alone);
    }
    await this.#confirm(model, suspects, tally, 1, signal);
  }

  /** Looks again at the suspects, once there are so many of them, and counts them. */
  async #confirm(
    model: Model,
    suspects: EntryLook[],
    tally: Tally,
    least: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (suspects.length < least) return;
    const { settled, moving } = await this.#looker.confirm(model, suspects.splice(0), signal);
    stopIfAborted(signal);
    tally.addEntries(settled);
    tally.inMotion += moving.length;
  }

  /** A collection in which no document is seen is more likely declared with the wrong type of id than empty. */
  async #warnOfUnseen(model: Model, tally: Tally): Promise<void> {
    if (tally.documents > tally.withoutKey) return;
    const { documents } = requireBackends(this.#parts.backends);
    const { collection, id } = model.collection;
    if ((await documents.count(model.collection)) === 0) return;
    this.#parts.log.warn(
      { model: model.name },
      `No document of ${collection} makes a key of ${model.name}: are its ids (${id.field}) of type ${id.type}, and is the filter right?`,
    );
  }
}

class Tally {
  readonly keysSeen = new SeenKeys(ORPHANS_REMEMBERED);
  checked = 0;
  documents = 0;
  withoutKey = 0;
  inMotion = 0;
  #consistent = 0;
  #inconsistent = 0;
  #missing = 0;
  #orphaned = 0;
  #missingTimestamps = 0;
  #lockstepKeys = 0;
  readonly #lockstepKeyNames: string[] = [];
  readonly #drift: { readonly key: string; readonly cause: string }[] = [];

  addDocuments(read: number, looks: readonly EntryLook[]): void {
    this.checked += read;
    this.documents += read;
    this.withoutKey += read - looks.length;
    this.#missing += looks.filter(({ found }) => found.state === "missing").length;
  }

  addEntries(looks: readonly EntryLook[]): void {
    for (const { key, found } of looks) {
      switch (found.state) {
        case "consistent":
          this.#consistent += 1;
          break;
        case "inconsistent":
          this.#inconsistent += 1;
          if (found.cause === "no_timestamps") this.#missingTimestamps += 1;
          this.#name(key, found.cause);
          break;
        case "undecodable":
          this.#inconsistent += 1;
          this.#name(key, "undecodable");
          break;
        case "orphaned":
          this.#orphaned += 1;
          this.#name(key, "orphaned");
          break;
        case "lockstep":
          this.#lockstepKeys += 1;
          if (this.#lockstepKeyNames.length < NAMED_KEYS_MAX) this.#lockstepKeyNames.push(key);
          break;
        // It has gone meanwhile.
        case "missing":
        case "absent":
          break;
      }
    }
  }

  report(model: string, tookMs: number): ModelCheck {
    const drifted = this.#inconsistent + this.#orphaned;
    const judged = this.#consistent + drifted;
    return {
      model,
      checked: this.checked,
      consistent: this.#consistent,
      inconsistent: this.#inconsistent,
      missing: this.#missing,
      orphaned: this.#orphaned,
      orphanedAtMost: this.keysSeen.hasForgotten,
      lockstepKeys: this.#lockstepKeys,
      lockstepKeyNames: this.#lockstepKeyNames,
      inMotion: this.inMotion,
      withoutKey: this.withoutKey,
      missingTimestamps: this.#missingTimestamps,
      ratio: judged === 0 ? null : this.#consistent / judged,
      interval: wilsonInterval(this.#consistent, judged),
      drift: this.#drift,
      truncated: drifted > this.#drift.length,
      tookMs,
    };
  }

  #name(key: string, cause: string): void {
    if (this.#drift.length < NAMED_KEYS_MAX) this.#drift.push({ key, cause });
  }
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new LockstepError("ABORTED", "The check was cancelled.");
}
