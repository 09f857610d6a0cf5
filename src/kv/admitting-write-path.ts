import type { Clock } from "../lib/clock.ts";
import type { Newcomer } from "../load/back-pressure.ts";
import type { WriteCommand } from "../model/write-command.ts";
import type { Acknowledgement, Route, WritePath, WriteReceipt } from "./write-path.ts";

/** Who lets writes in: see BackPressure. */
interface Gatekeeper {
  admit(newcomer: Newcomer): Promise<() => void>;
}

/** The way of new writes past the back-pressure: each is let in, kept waiting or refused with OVERLOADED, before anything is written. */
export class AdmittingWritePath implements WritePath {
  readonly hasEventPath: boolean;
  readonly #writes: WritePath;
  readonly #gate: Gatekeeper;
  readonly #clock: Clock;

  constructor(writes: WritePath, gate: Gatekeeper, clock: Clock) {
    this.hasEventPath = writes.hasEventPath;
    this.#writes = writes;
    this.#gate = gate;
    this.#clock = clock;
  }

  async write(command: WriteCommand, route: Route, ack?: Acknowledgement): Promise<WriteReceipt> {
    const startedMs = this.#clock.monotonicMs();
    const ended = await this.#gate.admit({ op: command.op, bytes: bytesOf(command) });
    try {
      const waitedMs = this.#clock.monotonicMs() - startedMs;
      const receipt = await this.#writes.write(command, route, ack);
      return { ...receipt, latencyMs: waitedMs + receipt.latencyMs };
    } finally {
      ended();
    }
  }
}

/** The key stands in Redis three times: with the value, with its meta, and as the marker. */
function bytesOf(command: WriteCommand): number {
  const { key, sessionId, interactionId } = command;
  const valueBytes = command.op === "set" ? Buffer.byteLength(command.value) : 0;
  const idBytes = Buffer.byteLength(sessionId ?? "") + Buffer.byteLength(interactionId ?? "");
  return 3 * Buffer.byteLength(key) + valueBytes + idBytes;
}
