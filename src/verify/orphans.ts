import { NAMED_KEYS_MAX } from "../model/key.ts";
import type { CopyClass } from "./classify.ts";
import type { Found } from "./looker.ts";

/** Of such a key the store holds no value. */
const ENDED: ReadonlySet<CopyClass> = new Set(["deleted", "expired", "absent"]);

/**
 * Counts stored keys outside every known namespace, and names the first. None of them is an issue: its two copies may be in
 * step, only nobody seems to own it.
 */
export class Orphans {
  readonly keys: string[] = [];
  count = 0;
  readonly #namespaces: readonly string[];

  /** What the keys of each namespace begin with. Without any, every key counts as known. */
  constructor(namespaces: readonly string[]) {
    this.#namespaces = namespaces;
  }

  /** Takes keys that the store has. */
  add(found: readonly Found[]): void {
    if (this.#namespaces.length === 0) return;
    for (const { key, copyClass } of found) {
      if (ENDED.has(copyClass) || this.#namespaces.some((prefix) => key.startsWith(prefix)))
        continue;
      this.count += 1;
      if (this.keys.length < NAMED_KEYS_MAX) this.keys.push(key);
    }
  }
}
