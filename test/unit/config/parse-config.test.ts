import { describe, expect, it } from "@jest/globals";
import { parseConfig } from "../../../src/config/parse-config.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";

describe("parseConfig", () => {
  it("gives every variable its default when nothing is set", () => {
    const { config, warnings } = parseConfig({ HOME: "/home/ada" });

    expect(config).toMatchObject({
      sqliteFile: "/home/ada/.local/state/lockstep/lockstep.db",
      syncMode: "hybrid",
      syncTimeoutMs: 2_000,
      outboxBatchSize: 500,
      loadPoolRatio: 0.8,
      httpPort: 8_080,
      httpHost: "127.0.0.1",
      allowedHosts: [],
    });
    expect(config.redisUrl).toBeUndefined();
    expect(config.residencyTtlSec).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it("turns texts into the values they stand for", () => {
    const { config } = parseConfig({
      REDIS_URL: "redis://localhost:6379/1",
      LOCKSTEP_HTTP_PORT: "9090",
      LOCKSTEP_LOAD_POOL_RATIO: ".95",
      LOCKSTEP_READ_THROUGH: "No",
      LOCKSTEP_ALLOWED_HOSTS: " a.example , b.example:8080,, ",
    });

    expect(config).toMatchObject({
      redisUrl: "redis://localhost:6379/1",
      httpPort: 9_090,
      loadPoolRatio: 0.95,
      readThrough: false,
      allowedHosts: ["a.example", "b.example:8080"],
    });
  });

  it("takes a blank variable as not set", () => {
    const { config } = parseConfig({ REDIS_URL: "", LOCKSTEP_HTTP_PORT: "  " });

    expect(config.redisUrl).toBeUndefined();
    expect(config.httpPort).toBe(8_080);
  });

  it("cannot be changed afterwards, lists included", () => {
    const { config } = parseConfig({ LOCKSTEP_ALLOWED_HOSTS: "a.example" });

    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.allowedHosts)).toBe(true);
  });

  it("lists every variable that breaks its rule", () => {
    const error = refusal({
      LOCKSTEP_HTTP_PORT: "http",
      LOCKSTEP_SYNC_MODE: "fast",
      LOCKSTEP_SYNC_TIMEOUT_MS: "1.5",
      LOCKSTEP_READ_THROUGH: "maybe",
    });

    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain(
      'LOCKSTEP_HTTP_PORT must be a whole number from 0 to 65535, and is "http"',
    );
    expect(error.message).toContain("LOCKSTEP_SYNC_MODE must be one of hybrid, event-only");
    expect(error.message).toContain("LOCKSTEP_SYNC_TIMEOUT_MS must be a whole number");
    expect(error.message).toContain("LOCKSTEP_READ_THROUGH must be true or false");
  });

  it.each([
    ["REDIS_URL", "http://user:hunter22@cache"],
    ["MONGODB_URI", "postgres://user:hunter22@store"],
    ["LOCKSTEP_HTTP_TOKEN", "hunter22 with spaces"],
    ["LOCKSTEP_ALERT_WEBHOOK_URL", "https://user:hunter22@alerts.example.com"],
    ["LOCKSTEP_ALERT_WEBHOOK_URL", "ftp://alerts.example.com/hunter22"],
    ["LOCKSTEP_ALERT_WEBHOOK_HEADERS", '{"authorization":"hunter22\\n"}'],
    ["LOCKSTEP_ALERT_WEBHOOK_HEADERS", '{"content-length":"hunter22"}'],
    ["LOCKSTEP_ALERT_WEBHOOK_HEADERS", "authorization: hunter22"],
    ["LOCKSTEP_ALERT_SLACK_URL", "hunter22"],
    ["LOCKSTEP_ALERT_SMTP_URL", "http://user:hunter22@mail.example.com"],
    ["LOCKSTEP_ALERT_SMTP_URL", "smtp://user:hunter22%@mail.example.com"],
  ])("refuses a wrong %s without repeating what it holds", (name, text) => {
    const error = refusal({ [name]: text });

    expect(error.message).toContain(name);
    expect(error.message).not.toContain("hunter22");
  });

  it.each([
    [undefined, "0 3 * * *"],
    ["Weekly", "30 3 * * 0"],
    ["15 2 * * MON-FRI", "15 2 * * MON-FRI"],
    ["off", null],
  ])("reads the schedule %j as %j", (text, pattern) => {
    const { config } = parseConfig({ LOCKSTEP_CHECK_CRON: text });

    expect(config.checkCron).toBe(pattern);
  });

  it.each(["hourly", "61 * * * *", "0 0 3 * * *", "0 0 31 2 *", "@daily"])(
    "refuses the schedule %j, and says what it may be",
    (text) => {
      const error = refusal({ LOCKSTEP_CHECK_CRON: text });

      expect(error.code).toBe("CONFIG_INVALID");
      expect(error.message).toMatch(
        /^LOCKSTEP_CHECK_CRON must be daily, weekly, off, or five cron fields in UTC \(.+\), and is "/,
      );
    },
  );

  it("reads where alerts go", () => {
    const { config } = parseConfig({
      LOCKSTEP_ALERT_WEBHOOK_URL: "https://alerts.example.com/hook",
      LOCKSTEP_ALERT_WEBHOOK_HEADERS: '{"authorization":"Bearer token"}',
      LOCKSTEP_ALERT_SMTP_URL: "smtps://user:p%40ss@mail.example.com",
      LOCKSTEP_ALERT_EMAIL_FROM: "lockstep@example.com",
      LOCKSTEP_ALERT_EMAIL_TO: "a@example.com, b@example.com",
    });

    expect(config).toMatchObject({
      alertWebhookHeaders: { authorization: "Bearer token" },
      alertEmailTo: ["a@example.com", "b@example.com"],
      alertRemindHours: 24,
      alertTimeoutMs: 10_000,
    });
    expect(Object.isFrozen(config.alertWebhookHeaders)).toBe(true);
  });

  it.each([
    [{ LOCKSTEP_ALERT_SMTP_URL: "smtp://mail.example.com" }, "without LOCKSTEP_ALERT_EMAIL_FROM"],
    [{ LOCKSTEP_ALERT_SMTP_URL: "smtp://mail.example.com" }, "without LOCKSTEP_ALERT_EMAIL_TO"],
    [{ LOCKSTEP_ALERT_EMAIL_TO: "a@example.com" }, "without LOCKSTEP_ALERT_SMTP_URL"],
    [{ LOCKSTEP_ALERT_WEBHOOK_HEADERS: "{}" }, "without LOCKSTEP_ALERT_WEBHOOK_URL"],
    [{ LOCKSTEP_ALERT_EMAIL_TO: "nobody" }, "must be addresses such as"],
  ])("refuses %j, which would send nothing", (variables, rule) => {
    expect(refusal(variables).message).toContain(rule);
  });

  it("refuses a placeholder that nobody has filled in, and says so", () => {
    const error = refusal({ REDIS_URL: "$" + "{REDIS_URL}", MONGODB_URI: "$" + "{input:mongo}" });

    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toMatch(/REDIS_URL holds the text \$\{REDIS_URL\}.*not filled in/);
    expect(error.message).toContain("MONGODB_URI holds the text $" + "{input:mongo}");
  });

  it("warns of an unknown variable and names the nearest one", () => {
    const { warnings } = parseConfig({ LOCKSTEP_HTTPPORT: "9090", LOCKSTEP_BANANA: "yes" });

    expect(warnings).toEqual([
      "There is no variable LOCKSTEP_HTTPPORT; it changes nothing. Did you mean LOCKSTEP_HTTP_PORT?",
      "There is no variable LOCKSTEP_BANANA; it changes nothing.",
    ]);
  });

  it("leaves the variables of the tests alone", () => {
    expect(parseConfig({ LOCKSTEP_TEST_SEED: "1" }).warnings).toEqual([]);
  });
});

describe("the file of the embedded store", () => {
  it("follows XDG_STATE_HOME", () => {
    const { config } = parseConfig({ HOME: "/home/ada", XDG_STATE_HOME: "/state" });

    expect(config.sqliteFile).toBe("/state/lockstep/lockstep.db");
  });

  it("ignores a relative XDG_STATE_HOME, as its rules say", () => {
    const { config } = parseConfig({ HOME: "/home/ada", XDG_STATE_HOME: "state" });

    expect(config.sqliteFile).toBe("/home/ada/.local/state/lockstep/lockstep.db");
  });

  it("may be given with a ~ that no shell has expanded", () => {
    const { config } = parseConfig({ HOME: "/home/ada", LOCKSTEP_SQLITE_FILE: "~/data/x.db" });

    expect(config.sqliteFile).toBe("/home/ada/data/x.db");
  });

  it("becomes absolute, so that a later change of folder does not move it", () => {
    const { config } = parseConfig({ LOCKSTEP_SQLITE_FILE: "data/x.db" });

    expect(config.sqliteFile).toBe(`${process.cwd()}/data/x.db`);
  });
});

function refusal(environment: Record<string, string>): LockstepError {
  try {
    parseConfig(environment);
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
  throw new Error("The configuration was accepted.");
}
