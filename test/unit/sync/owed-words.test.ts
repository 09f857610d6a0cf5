import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
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
  const asked: number[] = [];
  /** Buckets that have not recovered yet. */
  const behind = new Set<number>();
  const tell = async (landed: ReadonlyMap<string, string>) => {
    asked.push(landed.size);
    if (state.isDown) throw cacheDown();
    if ([...landed.keys()].some((key) => behind.has(bucketOf(key))))
      throw new LockstepError("RECOVERING", "Redis is being recovered.");
    for (const [key, newest] of landed) told.push(`${key} ${newest}`);
  };
  return { owed: new OwedWords({ tell, clock, log }), clock, log, state, told, asked, behind };
}

/** So many keys of one bucket. */
function keysIn(bucket: number, count: number): readonly string[] {
  const keys: string[] = [];
  for (let i = 0; keys.length < count; i += 1)
    if (bucketOf(`key ${i}`) === bucket) keys.push(`key ${i}`);
  return keys;
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

  it("tells those behind any number that are of a bucket which cannot recover", async () => {
    const { owed, clock, state, told, behind } = openOwed();
    const stuck = keysIn(3, 120);
    const other = keysIn(4, 60);
    for (const key of [...stuck, ...other]) owed.add(key, version(1), cacheDown());
    state.isDown = false;
    behind.add(3);

    await clock.advance(1000);
    const early = told.length;
    behind.clear();
    await clock.advance(1000);

    expect(early).toBe(60);
    expect(told.length).toBe(180);
  });

  it("asks for many keys of a bucket together, and once for each while the cache does not answer", async () => {
    const { owed, clock, state, asked } = openOwed();
    for (const key of [...keysIn(3, 120), ...keysIn(4, 1)]) owed.add(key, version(1), cacheDown());
    await clock.advance(1000);
    const whileDown = asked.splice(0);

    state.isDown = false;
    await clock.advance(1000);

    expect(whileDown).toEqual([50, 1]);
    expect(asked.toSorted((one, other) => one - other)).toEqual([1, 20, 50, 50]);
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
