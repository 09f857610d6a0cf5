import { afterEach, describe, expect, it } from "@jest/globals";
import { alertSchema } from "../../src/alerts/alert-schema.ts";
import { EmailSink } from "../../src/alerts/drivers/email-sink.ts";
import { SlackSink } from "../../src/alerts/drivers/slack-sink.ts";
import { WebhookSink } from "../../src/alerts/drivers/webhook-sink.ts";
import { AlertReceiver } from "../support/alerts/alert-receiver.ts";
import { SmtpReceiver } from "../support/alerts/smtp-receiver.ts";
import { anAlert, describeAlertSinkContract, type SinkHarness } from "./alert-sink-contract.ts";

const HEADERS = { authorization: "Bearer s3cret-token" };

async function overHttp(
  sinkOf: (url: string) => SinkHarness["sink"],
): Promise<SinkHarness & { readonly receiver: AlertReceiver }> {
  const receiver = await AlertReceiver.open();
  return {
    receiver,
    sink: sinkOf(receiver.url),
    behave(behaviour) {
      receiver.behaviour = behaviour;
    },
    goDown: () => receiver.close(),
    arrived: () => receiver.received.map(({ body }) => JSON.stringify(body)),
    close: () => receiver.close(),
  };
}

const openWebhook = () => overHttp((url) => new WebhookSink({ url, headers: HEADERS }));
const openSlack = () => overHttp((url) => new SlackSink(url));

async function openEmail(
  login = "",
  host = "127.0.0.1",
): Promise<SinkHarness & { readonly receiver: SmtpReceiver }> {
  const receiver = await SmtpReceiver.open();
  const url = `smtp://${login}${host}:${receiver.port}`;
  const to = ["ops@example.com", "oncall@example.com"];
  return {
    receiver,
    sink: new EmailSink({ url, from: "lockstep@example.com", to, timeoutMs: 500 }),
    behave(behaviour) {
      receiver.behaviour = behaviour;
    },
    goDown: () => receiver.close(),
    arrived: () => receiver.received.map(({ text }) => text),
    close: () => receiver.close(),
  };
}

describeAlertSinkContract("a webhook", openWebhook);
describeAlertSinkContract("Slack", openSlack);
describeAlertSinkContract("email", () => openEmail());

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function opened<H extends SinkHarness>(opening: Promise<H>): Promise<H> {
  const harness = await opening;
  closers.push(() => harness.close());
  return harness;
}

const { signal } = new AbortController();

describe("A webhook", () => {
  it("gets the alert as the schema describes it, with the headers that are set", async () => {
    const { sink, receiver } = await opened(openWebhook());
    const alert = anAlert();

    await sink.deliver(alert, signal);

    const [post] = receiver.received;
    expect(alertSchema.parse(post?.body)).toEqual(alert);
    expect(post).toMatchObject({
      path: "/hook/s3cret-path",
      headers: { ...HEADERS, "content-type": "application/json", "user-agent": "lockstep" },
    });
  });

  it("is not followed to another address, which would get the secret", async () => {
    const { sink, receiver } = await opened(openWebhook());
    receiver.behaviour = "redirects";

    expect(await sink.deliver(anAlert(), signal)).toEqual({
      outcome: "refused",
      why: "it answered 307",
    });
    expect(receiver.asked).toBe(1);
  });

  it("has taken an alert when it says so, however long it goes on talking", async () => {
    const { sink, receiver } = await opened(openWebhook());
    receiver.behaviour = "answers without end";

    expect(await sink.deliver(anAlert(), signal)).toEqual({ outcome: "delivered" });
  });
});

describe("Slack", () => {
  it("gets a text in which a key can neither call a channel nor make a link or a line", async () => {
    const { sink, receiver } = await opened(openSlack());

    await sink.deliver(anAlert(), signal);

    expect(receiver.received[0]?.body).toEqual({
      text: [
        "*Lockstep: cache and store differ*",
        "Cache and store differ in 1 key (1 lost); 1 key was compared.",
        'Keys: "user:1 &lt;!channel&gt; &amp; &lt;https://x|y&gt;\\r\\n.\\r\\nbcc: a@b" (lost)',
        "Checked at 2026-11-21T00:00:00.000Z by process 1 on host.",
        "lockstep verify_cache_sync names the keys; docs/OPERATIONS.md says what to do for each class.",
      ].join("\n"),
      mrkdwn: true,
      unfurl_links: false,
      unfurl_media: false,
    });
  });
});

describe("Email", () => {
  it("goes to everybody, and a key in it cannot add a header or end it", async () => {
    const { sink, receiver } = await opened(openEmail());

    await sink.deliver(anAlert(), signal);

    const [mail] = receiver.received;
    expect(receiver.received).toHaveLength(1);
    expect(mail).toMatchObject({
      from: "lockstep@example.com",
      to: ["ops@example.com", "oncall@example.com"],
    });
    expect(mail?.text).toContain("Subject: Lockstep: cache and store differ\n");
    expect(mail?.text).toContain("Message-ID: <0011223344556677@lockstep>\n");
    expect(mail?.text).not.toMatch(/^bcc:/im);
  });

  it("is delivered where one of several addresses is refused, and says so", async () => {
    const { sink, receiver } = await opened(openEmail());
    receiver.unknown.add("oncall@example.com");

    expect(await sink.deliver(anAlert(), signal)).toEqual({
      outcome: "delivered",
      but: "refused for 1 of 2 addresses",
    });
    receiver.unknown.add("ops@example.com");
    expect(await sink.deliver(anAlert(), signal)).toMatchObject({ outcome: "refused" });
  });

  it("logs in with the user and password of the address", async () => {
    const { sink, receiver } = await opened(openEmail("app:s3cret%40pass@"));

    expect(await sink.deliver(anAlert(), signal)).toEqual({ outcome: "delivered" });
    expect(receiver.logins).toEqual(["\0app\0s3cret@pass"]);
  });

  it("tells no password to a server that offers no encryption, unless it is this machine by name", async () => {
    const { sink, receiver } = await opened(openEmail("app:s3cret@", "0.0.0.0"));

    expect(await sink.deliver(anAlert(), signal)).toEqual({
      outcome: "refused",
      why: "its encryption (STARTTLS) failed",
    });
    expect(receiver.logins).toEqual([]);
  });
});
