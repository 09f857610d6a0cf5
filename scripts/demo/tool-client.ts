import { Envelope, type EnvelopeParts } from "../../src/transport/envelope.ts";

/** Calls tools as an MCP client does: by name, with arguments that are checked, through the envelope of every transport. */
export class ToolClient {
  readonly #envelope: Envelope;
  readonly #stop: AbortSignal;

  constructor(parts: EnvelopeParts, stop: AbortSignal) {
    this.#envelope = new Envelope(parts);
    this.#stop = stop;
  }

  /** The structured answer. A tool error fails with the text that a client would be shown. */
  async call<T extends object>(name: string, args: object): Promise<T> {
    this.#stop.throwIfAborted();
    const { structuredContent, content } = await this.#envelope.call({
      name,
      args,
      signal: this.#stop,
    });
    if (structuredContent === undefined) throw new Error(`${name} failed: ${content[0].text}`);
    return structuredContent as T;
  }
}
