import { once } from "node:events";
import type { Server, ServerResponse } from "node:http";

/** Knows which answers are still being written, so that a shutdown cuts none of them off. */
export class OpenResponses {
  readonly #open = new Set<ServerResponse>();

  constructor(server: Server) {
    server.on("request", (_request, response: ServerResponse) => {
      this.#open.add(response);
      response.once("close", () => this.#open.delete(response));
    });
  }

  /** Resolves when those that are open now have ended, or their connections have. */
  async whenAllEnded(): Promise<void> {
    await Promise.all(Array.from(this.#open, (response) => once(response, "close")));
  }
}
