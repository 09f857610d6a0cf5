import { describe, expect, it } from "@jest/globals";
import { HistoryRing } from "../../../src/history/history-ring.ts";
import type { KeyEvent } from "../../../src/history/key-event.ts";
import { versionAt } from "../../contract/entries.ts";

function written(at: number): KeyEvent {
  return { what: "written", how: "set", version: versionAt(at) };
}

const unsaid = { sessionId: null, interactionId: null, note: null };

describe("HistoryRing", () => {
  it("tells the events of a key, oldest first, each with its time", () => {
    const ring = new HistoryRing({ eventsMax: 10, perKeyMax: 5 });
    ring.add("user:1", written(1), 1000);
    ring.add("user:2", written(2), 2000);
    ring.add("user:1", written(3), 3000);

    expect(ring.of("user:1")).toEqual([
      { ...written(1), ...unsaid, atMs: 1000, times: 1 },
      { ...written(3), ...unsaid, atMs: 3000, times: 1 },
    ]);
    expect(ring.of("user:3")).toEqual([]);
  });

  it("counts what happens again in a row, and calls it no news", () => {
    const ring = new HistoryRing({ eventsMax: 10, perKeyMax: 5 });

    const news = [1000, 2000, 3000].map((atMs) => ring.add("user:1", written(1), atMs));

    expect(news).toEqual(["new", "again", "again"]);
    expect(ring.of("user:1")).toEqual([{ ...written(1), ...unsaid, atMs: 3000, times: 3 }]);
  });

  it("keeps the latest of one key, so that a hot key takes no room from others", () => {
    const ring = new HistoryRing({ eventsMax: 10, perKeyMax: 5 });
    ring.add("quiet", written(1), 1);
    for (let i = 0; i < 1000; i += 1) ring.add("hot", written(i), i);

    expect(ring.of("hot").map(({ atMs }) => atMs)).toEqual([995, 996, 997, 998, 999]);
    expect(ring.of("quiet")).toHaveLength(1);
  });

  it("never has more events than it may, and forgets those of quiet keys", () => {
    const ring = new HistoryRing({ eventsMax: 100, perKeyMax: 5 });
    const keys = Array.from({ length: 200 }, (_, at) => `user:${at}`);
    const held = () => keys.reduce((events, key) => events + ring.of(key).length, 0);

    for (const [at, key] of keys.entries()) {
      ring.add("busy", written(at), at);
      ring.add(key, written(at), at);
      ring.add(key, written(at + 1000), at);
      expect(held() + ring.of("busy").length).toBeLessThanOrEqual(100);
    }

    expect(ring.of("busy")).toHaveLength(5);
    expect(ring.of("user:0")).toEqual([]);
    expect(ring.of("user:199")).toHaveLength(2);
  });

  it("can be switched off", () => {
    const ring = new HistoryRing({ eventsMax: 0, perKeyMax: 5 });

    expect(ring.add("user:1", written(1), 1)).toBe("new");
    expect(ring.of("user:1")).toEqual([]);
  });
});
