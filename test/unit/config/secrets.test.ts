import { describe, expect, it } from "@jest/globals";
import { parseConfig } from "../../../src/config/parse-config.ts";
import { makeRedactor, maskConfig } from "../../../src/config/secrets.ts";

const { config } = parseConfig({
  REDIS_URL: "rediss://:c%40che-pass@cache:6379/0",
  MONGODB_URI:
    "mongodb://app:st0re-pass@a:27017,b:27017/lockstep?tlsCertificateKeyFilePassword=key-pass&w=majority",
  LOCKSTEP_HTTP_TOKEN: 'quoted"token',
  LOCKSTEP_ALERT_WEBHOOK_URL: "https://alerts.example.com/hook/w3bhook-path",
  LOCKSTEP_ALERT_WEBHOOK_HEADERS: '{"authorization":"Bearer w3bhook-token","x-key":"w3bhook-key"}',
  LOCKSTEP_ALERT_SLACK_URL: "https://hooks.slack.com/services/sl4ck-path",
  LOCKSTEP_ALERT_SMTP_URL: "smtp://app:m4il-pass@mail.example.com",
  LOCKSTEP_ALERT_EMAIL_FROM: "lockstep@example.com",
  LOCKSTEP_ALERT_EMAIL_TO: "ops@example.com",
});

describe("maskConfig", () => {
  it("masks passwords and tokens and leaves the rest readable", () => {
    expect(maskConfig(config)).toMatchObject({
      redisUrl: "rediss://:***@cache:6379/0",
      mongodbUri:
        "mongodb://app:***@a:27017,b:27017/lockstep?tlsCertificateKeyFilePassword=***&w=majority",
      httpToken: "***",
      httpPort: 8_080,
      alertWebhookUrl: "***",
      alertWebhookHeaders: "***",
      alertSlackUrl: "***",
      alertSmtpUrl: "smtp://app:***@mail.example.com",
      alertEmailTo: ["ops@example.com"],
    });
  });
});

describe("makeRedactor", () => {
  const redact = makeRedactor(config);

  it.each([
    ["as written in the address", "cannot reach rediss://:c%40che-pass@cache", "c%40che-pass"],
    ["decoded", "WRONGPASS c@che-pass", "c@che-pass"],
    ["of the store", "Authentication failed: app/st0re-pass", "st0re-pass"],
    ["of a header, without its scheme", "w3bhook-token was refused", "w3bhook-token"],
    ["of another header", "x-key: w3bhook-key", "w3bhook-key"],
    ["that is an address", "https://hooks.slack.com/services/sl4ck-path", "sl4ck-path"],
    ["in a parameter", "key-pass does not open the key", "key-pass"],
    ["inside JSON", JSON.stringify({ authorization: 'Bearer quoted"token' }), 'quoted\\"token'],
  ])("takes a secret out of a text: %s", (_, text, secret) => {
    expect(redact(text)).not.toContain(secret);
    expect(redact(text)).toContain("***");
  });

  it("leaves a text without secrets as it is", () => {
    expect(redact("kv_set took 3 ms")).toBe("kv_set took 3 ms");
  });
});
