import type { AlertSink } from "../alerts/alert-sink-port.ts";
import type { Alerter } from "../alerts/alerter.ts";
import type { Config } from "../config/schema.ts";
import { makeRedactor } from "../config/secrets.ts";
import { readPackageInfo } from "../lib/package-info.ts";
import type { Environment } from "./environment.ts";
import type { OpenedStore } from "./open-store.ts";

const HOUR_MS = 3_600_000;

/** What tells the configured sinks; undefined where there is none. Nothing of it is loaded then. */
export async function openAlerter(
  config: Config,
  { clock, random, logger: log }: Environment,
  { opened, by }: { readonly opened: Pick<OpenedStore, "records">; readonly by: string },
): Promise<Alerter | undefined> {
  const sinks = await openAlertSinks(config);
  if (sinks.length === 0) return undefined;
  const { Alerter } = await import("../alerts/alerter.ts");
  return new Alerter({
    sinks,
    records: opened.records,
    clock,
    random,
    log,
    source: { by, version: readPackageInfo().version },
    redact: makeRedactor(config),
    timeoutMs: config.alertTimeoutMs,
    remindMs: config.alertRemindHours * HOUR_MS,
  });
}

/** Every sink that the configuration names. Nothing is connected yet. */
export async function openAlertSinks(config: Config): Promise<readonly AlertSink[]> {
  const sinks: AlertSink[] = [];
  if (config.alertWebhookUrl !== undefined) {
    const { WebhookSink } = await import("../alerts/drivers/webhook-sink.ts");
    const { alertWebhookUrl: url, alertWebhookHeaders: headers } = config;
    sinks.push(new WebhookSink({ url, headers }));
  }
  if (config.alertSlackUrl !== undefined) {
    const { SlackSink } = await import("../alerts/drivers/slack-sink.ts");
    sinks.push(new SlackSink(config.alertSlackUrl));
  }
  if (config.alertSmtpUrl !== undefined && config.alertEmailFrom !== undefined) {
    const { EmailSink } = await import("../alerts/drivers/email-sink.ts");
    const { alertSmtpUrl: url, alertEmailFrom: from, alertEmailTo: to, alertTimeoutMs } = config;
    sinks.push(new EmailSink({ url, from, to, timeoutMs: alertTimeoutMs }));
  }
  return sinks;
}
