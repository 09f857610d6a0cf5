import { setTimeout as pause } from "node:timers/promises";
import { SeededRandom } from "../../support/seeded-random.ts";
import type {
  DeleteRequest,
  Durable,
  GetRequest,
  Outcome,
  RecordedCall,
  SetRequest,
} from "./recorded-call.ts";
import type { Answer, ServerProcess } from "./server-process.ts";

export interface LoadOptions {
  readonly seed: number;
  readonly servers: readonly ServerProcess[];
  readonly keys: readonly string[];
  readonly clients: number;
  /** Appended to every value, to give it weight. */
  readonly padding: string;
}

/** How often an idempotent write is sent at most until one answer tells what came of it. */
const REPEATS_MAX = 3;

/** After a call that could not be made, so that clients do not spin while a server is away. */
const RESPITE_MS = 10;

/** What a server tells when nothing was done, and nothing will be. */
const DID_NOTHING = new Set([
  "CACHE_UNAVAILABLE",
  "IDEMPOTENCY_KEY_REUSED",
  "INPUT_INVALID",
  "KEY_IN_MOTION",
  "KEY_WRONG_TYPE",
  "OVERLOADED",
  "RECOVERING",
  "SHUTTING_DOWN",
  "STORE_MISMATCH",
  "STORE_UNAVAILABLE",
  "VERSION_CONFLICT",
  "VERSION_NOT_REACHED",
  "WRITE_EXPIRED",
]);

/**
 * Clients that set, delete and read a few keys through all servers, each by a plan of its own that its seed decides,
 * and keep what they were told. They go on until they are told to end.
 */
export class Load {
  readonly history: RecordedCall[] = [];
  readonly #options: LoadOptions;
  /** The newest version that any client was told of a key: conditions and reads refer to it. */
  readonly #newest = new Map<string, string>();
  /** Keys with an idempotent write under way: a key remembers four of them, so they must not come in crowds. */
  readonly #repeating = new Set<string>();
  readonly #heard = new EventTarget();
  #calls = 0;
  #isOver = false;
  #working: Promise<unknown> = Promise.resolve();

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    const { clients, seed } = this.#options;
    this.#isOver = false;
    this.#working = Promise.all(
      Array.from({ length: clients }, (_, client) =>
        this.#work(client, new SeededRandom(seed * 1_000 + client)),
      ),
    );
  }

  /** Waits until `calls` more calls have ended; not longer than `limitMs`, since no call may end during some faults. */
  async afterCalls(calls: number, limitMs: number): Promise<void> {
    const wanted = this.#calls + calls;
    const limit = AbortSignal.timeout(limitMs);
    await new Promise<void>((resolve) => {
      const check = () => {
        if (this.#calls < wanted && !limit.aborted) return;
        this.#heard.removeEventListener("call", check);
        limit.removeEventListener("abort", check);
        resolve();
      };
      this.#heard.addEventListener("call", check);
      limit.addEventListener("abort", check);
      check();
    });
  }

  /** No more calls are begun; those under way are waited for. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#working;
  }

  /** One write outside the clients' plans, recorded like theirs. */
  set(server: ServerProcess, key: string, value: string): Promise<Outcome> {
    return this.#call(-1, server, key, { tool: "kv_set", value });
  }

  /** The same with a read. */
  get(server: ServerProcess, key: string): Promise<Outcome> {
    return this.#call(-1, server, key, { tool: "kv_get" });
  }

  async #work(client: number, random: SeededRandom): Promise<void> {
    for (let turn = 1; !this.#isOver; turn += 1) {
      const outcome = await this.#operate(client, random, `c${client}.${turn}`);
      if (outcome.kind === "refused" || outcome.kind === "unknown") await pause(RESPITE_MS);
    }
  }

  async #operate(client: number, random: SeededRandom, name: string): Promise<Outcome> {
    const { servers, keys, padding } = this.#options;
    const key = random.pick(keys);
    const server = random.pick(servers);
    const value = name + padding;
    const dice = random.integer(100);
    const ack = random.pick(["durable", "durable", "durable", "cache", "shadow"] as const);
    const known = this.#newest.get(key);
    const ifVersion = known === undefined ? {} : { ifVersion: known };
    if (dice < 30) return this.#call(client, server, key, { tool: "kv_get" });
    if (dice < 35) {
      const minVersion = known === undefined ? {} : { minVersion: known };
      return this.#call(client, server, key, { tool: "kv_get", ...minVersion });
    }
    if (dice < 60) return this.#call(client, server, key, { tool: "kv_set", value, ack });
    if (dice < 65) {
      // It never ends during a run: what is tried is that it comes and goes with its write on both sides.
      return this.#call(client, server, key, { tool: "kv_set", value, ack, ttlSec: 86_400 });
    }
    if (dice < 77) return this.#call(client, server, key, { tool: "kv_delete", ack });
    if (dice < 83) return this.#call(client, server, key, { tool: "kv_set", value, ...ifVersion });
    if (dice < 86) return this.#call(client, server, key, { tool: "kv_delete", ...ifVersion });
    if (dice < 90)
      return this.#call(client, server, key, { tool: "kv_set", value, ifAbsent: true });
    const idempotencyKey = `once ${name}`;
    const once: SetRequest | DeleteRequest =
      dice < 97
        ? { tool: "kv_set", value, ack, idempotencyKey }
        : { tool: "kv_delete", ack, idempotencyKey };
    return this.#repeat(client, random, key, once);
  }

  /** Sends a write until it has an answer, and once more: through any server, the answers must be the same. */
  async #repeat(
    client: number,
    random: SeededRandom,
    key: string,
    request: SetRequest | DeleteRequest,
  ): Promise<Outcome> {
    const { servers } = this.#options;
    if (this.#repeating.has(key)) return this.#call(client, servers[0]!, key, { tool: "kv_get" });
    this.#repeating.add(key);
    try {
      let outcome: Outcome = await this.#call(client, random.pick(servers), key, request);
      for (let repeat = 1; repeat <= REPEATS_MAX && !this.#isOver; repeat += 1) {
        const isLast = outcome.kind === "written";
        outcome = await this.#call(client, random.pick(servers), key, request);
        if (isLast) break;
      }
      return outcome;
    } finally {
      this.#repeating.delete(key);
    }
  }

  async #call(
    client: number,
    server: ServerProcess,
    key: string,
    request: RecordedCall["request"],
  ): Promise<Outcome> {
    const { tool, ...args } = request;
    const beganMs = performance.now();
    const outcome = outcomeOf(request, await server.call(tool, { key, ...args }));
    const endedMs = performance.now();
    const id = this.history.length;
    this.history.push({ id, client, server: server.name, key, request, beganMs, endedMs, outcome });
    if ("version" in outcome && outcome.version !== null) this.#learn(key, outcome.version);
    this.#calls += 1;
    this.#heard.dispatchEvent(new Event("call"));
    return outcome;
  }

  #learn(key: string, version: string): void {
    if (version > (this.#newest.get(key) ?? "")) this.#newest.set(key, version);
  }
}

function outcomeOf({ tool }: SetRequest | DeleteRequest | GetRequest, answer: Answer): Outcome {
  switch (answer.kind) {
    case "not sent":
      return { kind: "refused", code: "NOT_SENT" };
    case "no answer":
      return { kind: "unknown", code: answer.why };
    case "error":
      return { kind: DID_NOTHING.has(answer.code) ? "refused" : "unknown", code: answer.code };
    case "answer": {
      const told = answer.content as unknown as ToldContent;
      if (tool !== "kv_get") {
        return { kind: "written", version: told.version ?? "", durable: told.durable };
      }
      const { found, value, version, source, warning } = told;
      return {
        kind: "read",
        value: found ? value : null,
        version,
        source,
        mayBeBehind: warning !== undefined,
      };
    }
  }
}

interface ToldContent {
  readonly version: string | null;
  readonly durable: Durable;
  readonly found: boolean;
  readonly value: string | null;
  readonly source: "cache" | "store";
  readonly warning?: string;
}
