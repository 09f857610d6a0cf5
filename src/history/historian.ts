import type { Clock } from "../lib/clock.ts";
import type { HistoryRing } from "./history-ring.ts";
import type { KeptHistory } from "./kept-history.ts";
import { KEPT_KINDS, type KeyEvent, type KeyEventKind } from "./key-event.ts";

/** Kinds after which the cache has a copy of the key, or has none because it was told to forget it. */
const OF_THE_COPY: ReadonlySet<KeyEventKind> = new Set([
  "written",
  "acknowledged",
  "filled",
  "dropped",
]);

/** Hears what happens to keys. Cheap, and never fails: it stands beside every write. */
export class Historian {
  readonly ring: HistoryRing;
  readonly #kept: Pick<KeptHistory, "add">;
  readonly #clock: Clock;

  constructor(parts: {
    readonly ring: HistoryRing;
    readonly kept: Pick<KeptHistory, "add">;
    readonly clock: Clock;
  }) {
    this.ring = parts.ring;
    this.#kept = parts.kept;
    this.#clock = parts.clock;
  }

  note(key: string, event: KeyEvent): void {
    const atMs = this.#clock.nowMs();
    const news = this.ring.add(key, event, atMs);
    if (news === "new" && KEPT_KINDS.has(event.what))
      this.#kept.add(key, { ...event, atMs, times: 1 });
  }

  /** A fill says that the cache did not have what it had; unless it was told to forget it, something else let it go. */
  filled(key: string, event: Omit<KeyEvent, "what">): void {
    const before = this.ring.lastAmong(key, OF_THE_COPY);
    if (before !== undefined && before !== "dropped")
      this.note(key, { what: "evicted", how: null, version: event.version });
    this.note(key, { what: "filled", ...event });
  }
}
