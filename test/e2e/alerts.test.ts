import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { alertSchema } from "../../src/alerts/alert-schema.ts";
import { AlertReceiver } from "../support/alerts/alert-receiver.ts";
import { SmtpReceiver } from "../support/alerts/smtp-receiver.ts";
import { spoilSqliteRow } from "../support/lockstep/spoil-row.ts";
import { LockstepProcess, openHome, runLockstep } from "../support/lockstep-process.ts";
import { waitUntil } from "../support/wait-until.ts";

let home: Awaited<ReturnType<typeof openHome>>;
let webhook: AlertReceiver;
let slack: AlertReceiver;
let mail: SmtpReceiver;
const running: LockstepProcess[] = [];

beforeEach(async () => {
  [home, webhook, slack, mail] = await Promise.all([
    openHome(),
    AlertReceiver.open(),
    AlertReceiver.open(),
    SmtpReceiver.open(),
  ]);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  await Promise.all([webhook.close(), slack.close(), mail.close(), home.remove()]);
});

const ways = () => ({
  ...home.env,
  LOCKSTEP_ALERT_WEBHOOK_URL: webhook.url,
  LOCKSTEP_ALERT_WEBHOOK_HEADERS: '{"authorization":"Bearer t0ken-of-the-webhook"}',
  LOCKSTEP_ALERT_SLACK_URL: slack.url,
  LOCKSTEP_ALERT_SMTP_URL: `smtp://app:p4ss-of-the-mailer@127.0.0.1:${mail.port}`,
  LOCKSTEP_ALERT_EMAIL_FROM: "lockstep@example.com",
  LOCKSTEP_ALERT_EMAIL_TO: "ops@example.com",
});

const SECRETS = ["s3cret-path", "t0ken-of-the-webhook", "p4ss-of-the-mailer"];

describe("An operator whom alerts reach", () => {
  it("hears of drift once in each way, and of its end, from two servers on one store, and never sees a value", async () => {
    const env = { ...ways(), LOCKSTEP_HEALTH_INTERVAL_MS: "1000", LOCKSTEP_HTTP_PORT: "0" };
    for (let server = 0; server < 2; server += 1) {
      const lockstep = new LockstepProcess(["http"], env);
      running.push(lockstep);
      await lockstep.url();
    }
    await runLockstep(["kv_set", "key=user:1", "value=private", "ack=shadow"], home.env);
    await spoilSqliteRow(home.env["LOCKSTEP_SQLITE_FILE"] ?? "", "user:1");
    await waitUntil(
      () => webhook.received.length + slack.received.length + mail.received.length >= 3,
      {
        withinMs: 60_000,
        what: "an alert in each way",
      },
    );

    await runLockstep(["kv_set", "key=user:1", "value=private", "ack=shadow"], home.env);
    await waitUntil(
      () => webhook.received.length >= 2 && slack.received.length >= 2 && mail.received.length >= 2,
      {
        withinMs: 60_000,
        what: "the end of the alert in each way",
      },
    );

    const alerts = webhook.received.map(({ body }) => alertSchema.parse(body));
    expect(alerts.map(({ event }) => event)).toEqual(["issues_detected", "recovered"]);
    expect(alerts[0]?.findings).toMatchObject({
      issues: 1,
      keys: [{ key: "user:1", class: "corrupt" }],
    });
    expect(slack.received).toHaveLength(2);
    expect(mail.received.map(({ text }) => /^Subject: (.*)$/m.exec(text)?.[1])).toEqual([
      "Lockstep: cache and store differ",
      "Lockstep: cache and store agree again",
    ]);
    const sent = JSON.stringify([
      webhook.received.map(({ body }) => body),
      slack.received.map(({ body }) => body),
      mail.received,
    ]);
    expect(sent).not.toMatch(/private|edited by another hand/);
    for (const secret of SECRETS) {
      for (const { stderr, stdout } of running) expect(stderr + stdout).not.toContain(secret);
    }
  }, 180_000);

  it("tries every way without a backend, and is told by the exit code", async () => {
    const sent = await runLockstep(["alert", "--test", "--json"], ways());
    mail.behaviour = "refuses";
    webhook.behaviour = "refuses";
    const refused = await runLockstep(["alert", "--test", "--json"], ways());
    const nowhere = await runLockstep(["alert", "--test"], home.env);

    expect(sent).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(sent.stdout)).toMatchObject({
      delivered: true,
      ways: [
        { way: "webhook", outcome: "delivered" },
        { way: "slack", outcome: "delivered" },
        { way: "email", outcome: "delivered" },
      ],
    });
    expect(webhook.received[0]?.body).toMatchObject({ event: "test" });
    expect(refused.code).toBe(2);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      delivered: false,
      ways: [
        { way: "webhook", outcome: "refused", why: "it answered 404" },
        { way: "slack", outcome: "delivered" },
        { way: "email", outcome: "refused", why: "it answered 550" },
      ],
    });
    expect(nowhere.code).toBe(2);
    expect(nowhere.stderr).toContain("There is no way for alerts.");
  });

  it("is told by the doctor which ways there are, and no secret", async () => {
    const { stdout } = await runLockstep(["doctor"], ways());

    expect(stdout).toMatch(/ok +alerts +They go to a webhook, Slack, 1 mail address/);
    for (const secret of SECRETS) expect(stdout).not.toContain(secret);
  });
});
