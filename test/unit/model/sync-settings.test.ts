import { describe, expect, it } from "@jest/globals";
import { decodeSettings } from "../../../src/model/sync-settings.ts";

const decode = (stored: Readonly<Record<string, unknown>>) => decodeSettings(stored, () => 1);
const keptAs = (value: unknown) => ({ value, by: "one" });

describe("decodeSettings", () => {
  it("reads each setting with when and by whom", () => {
    const values = {
      mode: "event-only",
      poolRatio: 0.5,
      queued: 0,
      unprocessed: 7,
      memoryRatio: 1,
      unsyncedMb: 5,
      unsyncedAgeSec: 0,
      outboxEvents: 9,
    };
    const stored = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, keptAs(value)]),
    );

    expect(decode(stored)).toEqual({
      mode: { value: "event-only", atMs: 1, by: "one" },
      poolRatio: { value: 0.5, atMs: 1, by: "one" },
      queued: { value: 0, atMs: 1, by: "one" },
      unprocessed: { value: 7, atMs: 1, by: "one" },
      memoryRatio: { value: 1, atMs: 1, by: "one" },
      unsyncedMb: { value: 5, atMs: 1, by: "one" },
      unsyncedAgeSec: { value: 0, atMs: 1, by: "one" },
      outboxEvents: { value: 9, atMs: 1, by: "one" },
    });
  });

  it.each([
    { mode: keptAs("direct-only") },
    { mode: keptAs(1) },
    { mode: "event-only" },
    { mode: null },
    { poolRatio: keptAs(0) },
    { poolRatio: keptAs(1.1) },
    { poolRatio: keptAs("0.5") },
    { queued: keptAs(-1) },
    { unprocessed: keptAs(1.5) },
    { memoryRatio: keptAs(0) },
    { unsyncedMb: keptAs(-1) },
    { unsyncedAgeSec: keptAs("60") },
    { outboxEvents: keptAs(null) },
    { another: keptAs(1) },
  ])("leaves out what is no setting: %j", (stored) => {
    expect(decode(stored)).toEqual({});
  });

  it("takes a setting whose author another hand has lost", () => {
    expect(decode({ queued: { value: 3 } })).toEqual({
      queued: { value: 3, atMs: 1, by: "unknown" },
    });
  });
});
