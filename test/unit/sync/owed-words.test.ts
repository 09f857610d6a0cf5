import { describe, expect, it } from "@jest/globals";
import { FIRST_EPOCH, formatVersion } from "../../../src/model/version.ts";
import { OwedWords } from "../../../src/sync/owed-words.ts";
import { cacheDown } from "../../support/builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { RecordingLog } from "../../support/recording-log.ts";

const version = (seq: number) => formatVersion(FIRST_EPOCH, seq);

function openOwed() {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const state = { isDown: true };
  const told: string[] = [];
  const tell = async (key: string, newest: string) => {
    if (state.isDown) throw cacheDown();
    told.push(`${key} ${newest}`);
  };
  return { owed: new OwedWords({ tell, clock, log }), clock, log, state, told };
}

describe("OwedWords", () => {
  it("tells the newest of each key, once, when the cache answers", async () => {
    const { owed, clock, state, told } = openOwed();
    owed.add("a", version(2), cacheDown());
    owed.add("a", version(1), cacheDown());
    owed.add("b", version(1), cacheDown());
    owed.add("b", version(3), cacheDown());
    await clock.advance(3000);

    state.isDown = false;
    await clock.advance(3000);

    expect(told).toEqual([`a ${version(2)}`, `b ${version(3)}`]);
  });

  it("begins anew with what is owed after all was told", async () => {
    const { owed, clock, state, told } = openOwed();
    state.isDown = false;
    owed.add("a", version(1), cacheDown());
    await clock.advance(1000);

    owed.add("a", version(1), cacheDown());
    await clock.advance(1000);

    expect(told).toEqual([`a ${version(1)}`, `a ${version(1)}`]);
  });

  it("remembers ten thousand keys, and says how many it has let go", async () => {
    const { owed, clock, state, told, log } = openOwed();
    for (let key = 0; key < 10_002; key += 1) owed.add(`key ${key}`, version(1), cacheDown());

    state.isDown = false;
    await clock.advance(1000);

    expect(told.length).toBe(10_000);
    expect(told).not.toContain(`key 1 ${version(1)}`);
    expect(told).toContain(`key 10001 ${version(1)}`);
    expect(log.lines.at(-1)).toMatchObject({ level: "warn", fields: { count: 2 } });
  });

  it("tries once more when it is stopped, and says what remains", async () => {
    const { owed, state, told, log } = openOwed();
    owed.add("a", version(1), cacheDown());
    state.isDown = false;

    await owed.stop();

    expect(told).toEqual([`a ${version(1)}`]);
    expect(log.lines.length).toBe(1);
  });

  it("does not wait for a cache that stays away when it is stopped", async () => {
    const { owed, log } = openOwed();
    owed.add("a", version(1), cacheDown());

    await owed.stop();

    expect(log.lines.at(-1)).toMatchObject({ level: "warn", fields: { count: 1 } });
  });
});
