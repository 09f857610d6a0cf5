import type { Version } from "../../src/model/version.ts";

/** Looks at the rows of a store again and again. */
export class ShadowWatch {
  readonly #onViolation: (what: string) => void;
  readonly #rowVersions = new Map<string, Version>();
  readonly #versionOfValue = new Map<string, Version>();
  readonly #isEachOnce: boolean;

  /** `isEachOnce`: whether a call that is repeated with its idempotency key is surely carried out once. */
  constructor(onViolation: (what: string) => void, isEachOnce: boolean) {
    this.#onViolation = onViolation;
    this.#isEachOnce = isEachOnce;
  }

  /** The shadow never goes back, and no value that was written once comes back under another version. */
  look(
    rows: ReadonlyMap<string, { readonly version: Version; readonly value: string | null }>,
  ): void {
    for (const [key, { version, value }] of rows) {
      const before = this.#rowVersions.get(key);
      if (before === version) continue;
      if (before !== undefined && version < before) {
        this.#onViolation(`The shadow of ${key} went back from ${before} to ${version}.`);
      }
      this.#rowVersions.set(key, version);
      if (value === null || !this.#isEachOnce) continue;
      const written = this.#versionOfValue.get(value);
      if (written !== undefined && written !== version) {
        this.#onViolation(`${value} of ${key} was written as ${written} and again as ${version}.`);
      }
      this.#versionOfValue.set(value, version);
    }
  }
}
