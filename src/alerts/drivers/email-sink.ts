import type { Transporter } from "nodemailer";
import type { Alert } from "../alert-schema.ts";
import type { AlertSink, Delivery } from "../alert-sink-port.ts";
import { alertText } from "../alert-text.ts";

export interface EmailSinkParts {
  /** smtp:// (STARTTLS where the server offers it) or smtps://, with user and password where the server wants them. */
  readonly url: string;
  readonly from: string;
  readonly to: readonly string[];
  /** How long the server may be silent at each step, milliseconds; whoever calls waits no longer in all. */
  readonly timeoutMs: number;
}

/** Sends each alert as a plain text mail, by a connection of its own. nodemailer is loaded with the first one. */
export class EmailSink implements AlertSink {
  readonly name = "email";
  readonly #parts: EmailSinkParts;

  constructor(parts: EmailSinkParts) {
    this.#parts = parts;
  }

  async deliver(alert: Alert, signal: AbortSignal): Promise<Delivery> {
    const { from, to } = this.#parts;
    const { subject, lines } = alertText(alert);
    let transport: Transporter | undefined;
    const close = () => transport?.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      transport = await this.#open();
      const text = `${lines.join("\n")}\n`;
      const { rejected = [] } = await transport.sendMail({
        from,
        to: [...to],
        subject,
        text,
        // The same for each attempt, so that a mailbox can tell a repetition.
        messageId: `<${alert.id}@lockstep>`,
        headers: { "auto-submitted": "auto-generated" },
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      if (rejected.length === 0) return { outcome: "delivered" };
      // The others have it, and must not get it again with each check.
      return {
        outcome: "delivered",
        but: `refused for ${rejected.length} of ${to.length} addresses`,
      };
    } catch (error) {
      return failureOf(error);
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  }

  async #open(): Promise<Transporter> {
    const { url, timeoutMs } = this.#parts;
    const { protocol, hostname, port, username, password } = new URL(url);
    const secure = protocol === "smtps:";
    const isLoggedIn = username !== "";
    const { createTransport } = await import("nodemailer");
    return createTransport({
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? (secure ? 465 : 587) : Number(port),
      secure,
      // A password leaves this machine encrypted or not at all.
      requireTLS: isLoggedIn && !LOOPBACK.has(hostname),
      ...(isLoggedIn
        ? { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }
        : {}),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
    });
  }
}

const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** A server's 5xx is its last word. Its text may repeat what it was sent, so only the codes are told. */
function failureOf(error: unknown): Delivery {
  const { responseCode, code } = (error ?? {}) as { responseCode?: unknown; code?: unknown };
  if (code === "ETLS") return { outcome: "refused", why: "its encryption (STARTTLS) failed" };
  if (typeof responseCode === "number") {
    const outcome = responseCode >= 500 ? "refused" : "failed";
    return { outcome, why: `it answered ${responseCode}` };
  }
  return { outcome: "failed", why: typeof code === "string" ? code : "it cannot be reached" };
}
