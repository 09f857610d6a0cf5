import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import { Refusal } from "./refusal.ts";

export interface Session {
  readonly id: string;
  /** Ends its streams and aborts its calls. */
  close(): Promise<void>;
}

interface Held {
  readonly session: Session;
  openRequests: number;
  idleSinceMs: number;
}

/**
 * The sessions of all clients. A client that goes away without a word leaves its session behind, so one that has had
 * no open request for the idle limit is closed, and there are never more than `max`.
 */
export class Sessions<S extends Session> {
  readonly #held = new Map<string, Held & { readonly session: S }>();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #idleMs: number;
  readonly #max: number;
  readonly #stopped = new AbortController();

  constructor(options: { clock: Clock; log: Log; idleMs: number; max: number }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#idleMs = options.idleMs;
    this.#max = options.max;
    void this.#sweep();
  }

  get size(): number {
    return this.#held.size;
  }

  /** Makes sure that one more fits, by closing the one that has been idle longest. Refusal: 503 when none is idle. */
  async makeRoom(): Promise<void> {
    if (this.#held.size < this.#max) return;
    const idle = [...this.#held.values()].filter(({ openRequests }) => openRequests === 0);
    const longest = idle.toSorted((one, other) => one.idleSinceMs - other.idleSinceMs)[0];
    if (longest === undefined) {
      throw new Refusal(503, "refused", `All ${this.#max} sessions are in use.`, {
        hint: "Try again later; LOCKSTEP_HTTP_SESSIONS_MAX sets how many there may be.",
        headers: { "retry-after": "10" },
      });
    }
    await this.#close(longest.session, "to make room");
  }

  add(session: S): void {
    const idleSinceMs = this.#clock.monotonicMs();
    this.#held.set(session.id, { session, openRequests: 0, idleSinceMs });
  }

  get(id: string): S | undefined {
    return this.#held.get(id)?.session;
  }

  remove(id: string): void {
    this.#held.delete(id);
  }

  /** Counts a request as open until the returned function is called. */
  begin(id: string): () => void {
    const held = this.#held.get(id);
    if (held === undefined) return () => undefined;
    held.openRequests += 1;
    return () => {
      held.openRequests -= 1;
      held.idleSinceMs = this.#clock.monotonicMs();
    };
  }

  async closeAll(): Promise<void> {
    this.#stopped.abort();
    for (const { session } of this.#held.values()) await this.#close(session, "at shutdown");
  }

  async #sweep(): Promise<void> {
    const everyMs = Math.min(60_000, this.#idleMs / 4);
    for (;;) {
      await this.#clock.sleep(everyMs, this.#stopped.signal);
      if (this.#stopped.signal.aborted) return;
      const nowMs = this.#clock.monotonicMs();
      for (const { session, openRequests, idleSinceMs } of this.#held.values()) {
        const isOver = openRequests === 0 && nowMs - idleSinceMs >= this.#idleMs;
        if (isOver) await this.#close(session, "after its idle time");
      }
    }
  }

  async #close(session: S, why: string): Promise<void> {
    this.#held.delete(session.id);
    this.#log.debug({ sessions: this.#held.size }, `Session closed ${why}`);
    try {
      await session.close();
    } catch (error) {
      this.#log.warn({ err: error }, "Session did not close cleanly");
    }
  }
}
