import type { Alert } from "../alert-schema.ts";
import type { AlertSink, Delivery } from "../alert-sink-port.ts";
import { httpPost } from "./http-post.ts";

/** Posts each alert as it is, as docs/alert.schema.json describes it. */
export class WebhookSink implements AlertSink {
  readonly name = "webhook";
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({
    url,
    headers = {},
  }: {
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>> | undefined;
  }) {
    this.#url = url;
    this.#headers = headers;
  }

  deliver(alert: Alert, signal: AbortSignal): Promise<Delivery> {
    return httpPost(this.#url, { body: alert, headers: this.#headers, signal });
  }
}
