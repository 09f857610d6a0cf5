import type { CopyCachePort } from "../cache/copy-cache-port.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import { LockstepError } from "../model/lockstep-error.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { StoreAuthorityPort } from "../store/store-authority-port.ts";
import { CALL_MARGIN_MS } from "../sync/call-margin.ts";
import type { StoreCircuit } from "../sync/store-circuit.ts";
import type { SyncPool } from "../sync/sync-pool.ts";
import type { SyncStats } from "../sync/sync-stats.ts";
import { keepCopy } from "./keep-copy.ts";
import { refused } from "./refused.ts";
import { ShadowWaits } from "./shadow-waits.ts";
import {
  type Acknowledgement,
  methodOf,
  type Route,
  type WritePath,
  type WriteReceipt,
} from "./write-path.ts";

export interface StoreFirstWritePathParts {
  readonly cache: CopyCachePort;
  readonly authority: StoreAuthorityPort;
  readonly pool: SyncPool;
  readonly circuit: StoreCircuit;
  readonly stats: SyncStats;
  readonly clock: Clock;
  /** Called when an event was appended, so that it need not wait for the next tick. */
  readonly onEvent: () => void;
  readonly syncTimeoutMs: number;
}

/**
 * The store decides, mints and keeps; the in-process copy changes in the same turn as the commit. The pool bounds how
 * many writes are under way, except where the store commits them together anyway.
 */
export class StoreFirstWritePath implements WritePath {
  readonly hasEventPath: boolean;
  readonly #parts: StoreFirstWritePathParts;
  readonly #shadowWaits: ShadowWaits;

  constructor(parts: StoreFirstWritePathParts) {
    const { authority, clock } = parts;
    this.#parts = parts;
    this.hasEventPath = authority.hasEventPath;
    this.#shadowWaits = new ShadowWaits(clock, async (keys) => {
      const newest = await Promise.all(keys.map((key) => authority.current(key)));
      const inRow = newest.flatMap((current) =>
        current?.from === "shadow" ? [current.entry] : [],
      );
      return new Map(inRow.map(({ key, version }) => [key, version]));
    });
  }

  async write(
    command: WriteCommand,
    route: Route,
    ack: Acknowledgement = "durable",
  ): Promise<WriteReceipt> {
    const { cache, authority, pool, circuit, stats, clock, onEvent, syncTimeoutMs } = this.#parts;
    const startedMs = clock.monotonicMs();
    // The row costs the store what the event does, so who waits for the row is not sent the longer way.
    const isByEvent = route === "event" && this.hasEventPath && ack !== "shadow";
    const to = isByEvent ? "outbox" : "shadow";
    const given = new AbortController();
    const decide = () =>
      authority.write(command, {
        to,
        signal: given.signal,
        onCommitted: (current) => keepCopy(cache, command.key, current),
      });
    const written = await circuit.run(() =>
      authority.groupsWrites
        ? within(clock, syncTimeoutMs, decide())
        : pool.run(decide, { limitMs: syncTimeoutMs }),
    );
    if (to === "shadow") stats.directSync(written.outcome === "done" ? "landed" : "failed");
    if (written.outcome === "failed") throw written.error;
    if (written.outcome === "never_begun") {
      const text = `The store has not been asked: other writes took all places for ${syncTimeoutMs} ms.`;
      throw new LockstepError("STORE_UNAVAILABLE", text);
    }
    if (written.outcome === "timed_out") {
      // An attempt that comes now would be judged anew, and cover what others have been told of since.
      given.abort("timed out");
      throw new LockstepError(
        "UNKNOWN_OUTCOME",
        `The store did not answer within ${syncTimeoutMs} ms.`,
      );
    }
    const { value: made } = written;
    const { key } = command;
    switch (made.outcome) {
      case "moved":
        throw new TypeError("An unguarded write cannot have moved.");
      case "conflict":
      case "reused":
        throw refused(command, made);
      case "repeated": {
        const { version, from } = made;
        const isWaiting = ack === "shadow" && from !== "shadow";
        if (isWaiting) {
          const deadlineMs = startedMs + syncTimeoutMs + CALL_MARGIN_MS;
          await this.#shadowWaits.until({ key, version, durable: from, deadlineMs });
        }
        const durable = isWaiting ? "shadow" : from;
        const latencyMs = clock.monotonicMs() - startedMs;
        return { key, version, method: methodOf(from), durable, existed: null, latencyMs };
      }
      case "written": {
        if (to === "outbox") onEvent();
        const method = methodOf(to);
        const latencyMs = clock.monotonicMs() - startedMs;
        stats.acknowledged(method, latencyMs);
        const { entry, existed } = made;
        return { key, version: entry.version, method, durable: to, existed, latencyMs };
      }
    }
  }
}
