import { describe, expect, it } from "@jest/globals";
import { alertSchema } from "../../../src/alerts/alert-schema.ts";
import { alertText } from "../../../src/alerts/alert-text.ts";
import { makeAlert, testAlert } from "../../../src/alerts/make-alert.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { CheckedHealth } from "../../../src/verify/health-check.ts";
import { checkedKeys, checkFailed } from "../../support/alerts/checked-health.ts";

const AT_MS = Date.UTC(2026, 10, 21, 10, 5);

function alertOf(checked: CheckedHealth) {
  return makeAlert(checked, {
    id: "0011223344556677",
    by: "process 1 on host",
    version: "0.1.0",
    reminder: false,
    sinceMs: AT_MS - 60_000,
    redact: (text) => text.replaceAll("s3cret", "***"),
  });
}

describe("makeAlert", () => {
  it("says what a check has found, as the schema says it", () => {
    const alert = alertOf(
      checkedKeys(AT_MS, ["a", "ok"], ["b", "lost"], ["c", "stale"], ["d", "lost"]),
    );

    expect(alertSchema.parse(alert)).toEqual(alert);
    expect(alert).toMatchObject({
      event: "issues_detected",
      summary: "Cache and store differ in 3 keys (1 stale, 2 lost); 4 keys were compared.",
      at: "2026-11-21T10:05:00.000Z",
      since: "2026-11-21T10:04:00.000Z",
      findings: {
        keysChecked: 4,
        issues: 3,
        counts: { lost: 2, stale: 1 },
        keys: [
          { key: "b", class: "lost" },
          { key: "c", class: "stale" },
          { key: "d", class: "lost" },
        ],
        truncated: false,
      },
      error: null,
    });
  });

  it("names ten keys at most, and cuts long ones between two characters", () => {
    const long = "\u{1f600}".repeat(300);
    const keys = Array.from({ length: 11 }, () => [long, "lost"] as const);

    const { findings } = alertOf(checkedKeys(AT_MS, ...keys));

    expect(findings?.keys).toHaveLength(10);
    expect(findings?.keys[0]?.key).toBe(`${"\u{1f600}".repeat(200)}…`);
    expect(findings?.truncated).toBe(true);
  });

  it("says that all is well again", () => {
    expect(alertOf(checkedKeys(AT_MS, ["a", "ok"]))).toMatchObject({
      event: "recovered",
      summary: "Cache and store agree: 1 key was compared.",
      findings: { issues: 0, keys: [] },
    });
  });

  it("says why a check could not be made, without secrets", () => {
    const error = new LockstepError("STORE_UNAVAILABLE", "It refused app:s3cret.");
    const alert = alertOf(checkFailed(AT_MS, error));

    expect(alertSchema.parse(alert)).toEqual(alert);
    expect(alert).toMatchObject({
      event: "check_failed",
      findings: null,
      error: { code: "STORE_UNAVAILABLE", message: "It refused app:***." },
    });
    expect(JSON.stringify(alert)).not.toContain("s3cret");
  });

  it("leaves to the log what went wrong inside", () => {
    const alert = alertOf(checkFailed(AT_MS, new Error("a private value at /home/me")));

    expect(alert.error).toEqual({ code: "INTERNAL", message: "The log says more." });
    expect(JSON.stringify(alert)).not.toContain("private");
  });

  it("makes a test that is one", () => {
    const alert = testAlert({ id: "00", by: "me", version: "1", atMs: AT_MS });

    expect(alertSchema.parse(alert)).toEqual(alert);
  });
});

describe("alertText", () => {
  it("says in a few lines what a person needs", () => {
    const alert = {
      ...alertOf(checkedKeys(AT_MS, ["user:1\nSubject: x", "lost"])),
      reminder: true,
    };

    expect(alertText(alert)).toEqual({
      subject: "Lockstep: still: cache and store differ",
      lines: [
        "Cache and store differ in 1 key (1 lost); 1 key was compared.",
        'Keys: "user:1\\nSubject: x" (lost)',
        "Since: 2026-11-21T10:04:00.000Z",
        "Checked at 2026-11-21T10:05:00.000Z by process 1 on host.",
        "lockstep verify_cache_sync names the keys; docs/OPERATIONS.md says what to do for each class.",
      ],
    });
  });
});
