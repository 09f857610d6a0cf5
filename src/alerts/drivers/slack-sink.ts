import type { Alert } from "../alert-schema.ts";
import type { AlertSink, Delivery } from "../alert-sink-port.ts";
import { alertText } from "../alert-text.ts";
import { httpPost } from "./http-post.ts";

/** Posts each alert to an incoming webhook of Slack, or of a program that takes the same body. */
export class SlackSink implements AlertSink {
  readonly name = "slack";
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  deliver(alert: Alert, signal: AbortSignal): Promise<Delivery> {
    const { subject, lines } = alertText(alert);
    const text = [`*${escaped(subject)}*`, ...lines.map(escaped)].join("\n");
    // Names of keys are no mentions, and no addresses to fetch.
    const body = { text, mrkdwn: true, unfurl_links: false, unfurl_media: false };
    return httpPost(this.#url, { body, signal });
  }
}

/** Slack's three control characters; without them nothing in a key can call a channel. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
