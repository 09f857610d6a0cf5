import PQueue from "p-queue";
import type { CopyCachePort } from "../cache/copy-cache-port.ts";
import { keepCopy, keepLoaded } from "../kv/keep-copy.ts";
import { newestOf } from "../model/entry.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { StatementLife } from "../store/statement-life.ts";
import type { StoreAuthorityPort } from "../store/store-authority-port.ts";
import type { StorePort } from "../store/store-port.ts";
import { nothingToAcknowledge } from "../sync/acknowledger.ts";
import type { Look } from "./classify.ts";
import { GroupedLandings } from "./grouped-landings.ts";
import type { RepairSteps, StepOutcome } from "./repair-port.ts";

/** So many writes are under way at once: where each is a command of its own, others want a connection too. */
const WRITES_AT_ONCE = 16;

/** The store decides: each change is one store transaction, guarded by the version that was observed. */
export class StoreFirstRepair implements RepairSteps {
  readonly #cache: CopyCachePort;
  readonly #landings: GroupedLandings;
  readonly #queue = new PQueue({ concurrency: WRITES_AT_ONCE });
  readonly #authority: StoreAuthorityPort;

  constructor(parts: {
    readonly cache: CopyCachePort;
    readonly store: StorePort;
    readonly outbox: OutboxPort;
    readonly authority: StoreAuthorityPort;
  }) {
    this.#cache = parts.cache;
    this.#landings = new GroupedLandings({ ...parts, acknowledge: nothingToAcknowledge });
    this.#authority = parts.authority;
  }

  async rewrite(look: Look, command: WriteCommand) {
    // Writes that the store takes together had better come together.
    if (this.#authority.groupsWrites) return this.#rewrite(look, command);
    return this.#queue.add(() => this.#rewrite(look, command));
  }

  async syncNow({ cache, events }: Look, life: StatementLife): Promise<StepOutcome> {
    if (events.length === 0) return "moved";
    const entries = events.map(({ entry }) => entry);
    const eventIds = events.map(({ id }) => id);
    await this.#landings.land({ key: cache.key, entries, eventIds, life });
    return "done";
  }

  /** The copy is ahead of its own authority: a row was lost or rolled back. The copy is written again, as a new write. */
  async project(look: Look): Promise<StepOutcome> {
    const { key, value, meta, nowMs } = look.cache;
    if (value === undefined || meta === undefined) return "moved";
    const ttlMs = meta.expiresAtMs === null ? null : Math.max(1, meta.expiresAtMs - nowMs);
    const { sessionId, interactionId } = meta;
    const command: WriteCommand = {
      op: "set",
      key,
      value: value.text,
      hash: value.hash,
      ttlMs,
      sessionId,
      interactionId,
    };
    return (await this.rewrite(look, command)).outcome;
  }

  async dropCopy({ cache }: Look): Promise<StepOutcome> {
    this.#cache.remove(cache.key);
    return "done";
  }

  /** There are no markers here, so there is nothing that could have been observed. */
  async dropMarker(): Promise<StepOutcome> {
    return "moved";
  }

  /** A copy always has its meta. */
  async stamp(): Promise<StepOutcome> {
    return "moved";
  }

  async warm({ cache }: Look): Promise<StepOutcome> {
    const current = await this.#authority.current(cache.key, (loaded, stamp) =>
      keepLoaded(this.#cache, cache.key, loaded, stamp),
    );
    return current === undefined ? "moved" : "done";
  }

  async #rewrite({ shadow, events }: Look, command: WriteCommand) {
    const observed = newestOf([
      ...(shadow === undefined ? [] : [shadow]),
      ...events.map((event) => event.entry),
    ]);
    const written = await this.#authority.write(command, {
      to: "shadow",
      guard: { version: observed?.version ?? null },
      onCommitted: (current) => keepCopy(this.#cache, command.key, current),
    });
    // A repair has neither condition nor idempotency key, so nothing else can stand in its way.
    if (written.outcome !== "written") return { outcome: "moved" } as const;
    return { outcome: "done", version: written.entry.version } as const;
  }
}
