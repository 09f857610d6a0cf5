import type { CacheObservation } from "../cache/cache-port.ts";
import type { ShadowEntry } from "../model/entry.ts";
import { checkKey } from "../model/key.ts";
import { type CopyClass, isIssue } from "./classify.ts";
import type { Looker } from "./looker.ts";
import { suggestionFor } from "./suggestion.ts";

export interface KeyReport {
  readonly key: string;
  readonly copyClass: CopyClass;
  readonly inSync: boolean;
  readonly cause: string;
  readonly cached: CacheObservation;
  readonly shadow: ShadowEntry | undefined;
  /** What to do about it; null where nothing needs doing. */
  readonly suggestedAction: string | null;
}

/** Compares one key's two copies and changes nothing. */
export class KeyVerifier {
  readonly #looker: Looker;
  readonly #keyMaxBytes: number;

  constructor(looker: Looker, keyMaxBytes: number) {
    this.#looker = looker;
    this.#keyMaxBytes = keyMaxBytes;
  }

  /** Errors: INPUT_INVALID, KEY_RESERVED, CACHE_UNAVAILABLE, STORE_UNAVAILABLE. */
  async verify(key: string): Promise<KeyReport> {
    checkKey(key, this.#keyMaxBytes);
    const { look, verdict } = await this.#looker.inspect(key);
    const { copyClass, cause } = verdict;
    return {
      key,
      copyClass,
      inSync: !isIssue(copyClass),
      cause,
      cached: look.cache,
      shadow: look.shadow,
      suggestedAction: suggestionFor(copyClass),
    };
  }
}
