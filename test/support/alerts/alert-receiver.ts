import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** accepts; refuses: it never will take this; fails: it might later; hangs: no answer at all. */
export type Behaviour =
  | "accepts"
  | "refuses"
  | "fails"
  | "hangs"
  | "redirects"
  | "answers without end";

export interface ReceivedPost {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** A web server on the loopback that takes alerts, as its behaviour says. */
export class AlertReceiver {
  readonly received: ReceivedPost[] = [];
  behaviour: Behaviour = "accepts";
  /** How often it was asked, whatever it answered. */
  asked = 0;
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      this.asked += 1;
      switch (this.behaviour) {
        case "accepts":
        case "answers without end":
          this.received.push({
            path: request.url,
            headers: request.headers,
            body: JSON.parse(Buffer.concat(chunks).toString()) as unknown,
          });
          response.write("ok");
          if (this.behaviour === "accepts") response.end();
          break;
        case "refuses":
          response.writeHead(404).end();
          break;
        case "fails":
          response.writeHead(503).end();
          break;
        case "redirects":
          response.writeHead(307, { location: "/elsewhere" }).end();
          break;
        case "hangs":
          break;
      }
    });
  });

  /** The address to post to, which looks as if it held a secret. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/hook/s3cret-path`;
  }

  static async open(): Promise<AlertReceiver> {
    const receiver = new AlertReceiver();
    receiver.#server.listen(0, "127.0.0.1");
    await once(receiver.#server, "listening");
    return receiver;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
