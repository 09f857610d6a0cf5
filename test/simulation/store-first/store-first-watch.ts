import type { CopyClass } from "../../../src/verify/classify.ts";
import type { Ledger } from "../ledger.ts";
import { ShadowWatch } from "../shadow-watch.ts";
import { type Alarm, EXPIRING } from "../watch.ts";
import type { SharedStore } from "./shared-store.ts";

export interface StoreFirstWatchParts {
  readonly store: SharedStore;
  readonly ledger: Ledger;
  readonly onViolation: (what: string) => void;
}

/** What must hold at every step of processes whose store decides, looked at in the store itself. */
export class StoreFirstWatch implements Alarm {
  readonly #parts: StoreFirstWatchParts;
  readonly #shadow: ShadowWatch;
  isTroubled = true;

  constructor(parts: StoreFirstWatchParts) {
    this.#parts = parts;
    this.#shadow = new ShadowWatch(parts.onViolation, true);
  }

  /** The shadow never goes back, and what was acknowledged, or something newer, is in the row or an event. */
  look(): void {
    const { store, ledger, onViolation } = this.#parts;
    const rows = store.rows();
    this.#shadow.look(rows);
    const unsafe = [...ledger.acknowledged].filter(
      ([key, version]) => (rows.get(key)?.version ?? "") < version,
    );
    if (unsafe.length === 0) return;
    const events = store.unprocessed();
    for (const [key, version] of unsafe) {
      const hasEvent = events.some((event) => event.key === key && event.version >= version);
      if (!hasEvent && !key.startsWith(EXPIRING))
        onViolation(`${key}: ${version} was acknowledged, and is in no durable place any more.`);
    }
  }

  /** Nothing but a backlog can be wrong where the store decides. */
  alarm(key: string, copyClass: CopyClass): void {
    if (copyClass === "overdue" && this.isTroubled) return;
    this.#parts.onViolation(`False alarm: ${key} is called ${copyClass}.`);
  }

  rows() {
    return this.#parts.store.rows();
  }

  get isDrained(): boolean {
    return this.#parts.store.unprocessed().length === 0;
  }

  backlog(): string {
    const events = this.#parts.store.unprocessed().map(({ key }) => key);
    return `events: ${events.join(", ") || "none"}`;
  }

  lookAtEnd(): void {
    const { store, ledger, onViolation } = this.#parts;
    const rows = store.rows();
    for (const [key, version] of ledger.acknowledged) {
      const row = rows.get(key)?.version;
      if (row === undefined || row < version)
        onViolation(`${key}: ${version} was acknowledged, and the shadow ends with ${row}.`);
    }
  }
}
