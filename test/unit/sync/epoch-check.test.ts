import { describe, expect, it } from "@jest/globals";
import { bucketOf } from "../../../src/model/bucket.ts";
import type { BucketState } from "../../../src/store/bucket-states-port.ts";
import { EpochCheck } from "../../../src/sync/epoch-check.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { storeDown } from "../../support/builders.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { type Deferred, deferred } from "../../support/steer.ts";

const PATIENCE_MS = 100;

interface Question {
  readonly buckets: readonly number[];
  /** The store answers with the epochs as they are now. */
  readonly answer: () => void;
  readonly reply: Deferred<readonly BucketState[]>;
}

/** A store that answers each question when the test says so; every bucket is in the same epoch. */
function openWorld() {
  const clock = new ManualClock();
  const store = { epoch: 1 };
  const questions: Question[] = [];
  const check = new EpochCheck(
    {
      read: (buckets) => {
        const reply = deferred<readonly BucketState[]>();
        const seen = buckets.map(() => ({
          epoch: store.epoch,
          raisedFor: undefined,
          highestPurged: undefined,
        }));
        questions.push({ buckets, reply, answer: () => reply.resolve(seen) });
        return reply.promise;
      },
    },
    clock,
  );
  return { clock, store, questions, check };
}

const write = (key = "user:1", epoch = 1) => entryOf({ key, version: versionNo(1, epoch) });

describe("EpochCheck", () => {
  it.each([
    ["the same", 1, 1, false],
    ["an earlier one, in the store", 2, 1, false],
    ["a later one, in the store", 1, 2, true],
  ])("of an epoch that is %s", async (_which, minted, stored, isLeftBehind) => {
    const { store, questions, check, clock } = openWorld();
    store.epoch = stored;
    const entry = write("user:1", minted);
    const answer = check.leftBehind([entry]);
    await clock.advance(0);
    questions[0]!.answer();

    expect((await answer).has(entry)).toBe(isLeftBehind);
  });

  it("tells two writes of a key apart, one from before a loss and one from after it", async () => {
    const { store, questions, check, clock } = openWorld();
    store.epoch = 2;
    const [before, after] = [write("user:1", 1), write("user:1", 2)];
    const answer = check.leftBehind([before, after]);
    await clock.advance(0);
    questions[0]!.answer();

    expect([...(await answer)]).toEqual([before]);
  });

  it("asks one question for all who come before it is sent, and names each bucket once", async () => {
    const { questions, check, clock } = openWorld();
    const keys = ["a", "b", "a", "c"];
    const answers = keys.map((key) => check.leftBehind([write(key)]));
    await clock.advance(0);

    expect(questions.map(({ buckets }) => buckets)).toEqual([[...new Set(keys.map(bucketOf))]]);
    questions[0]!.answer();
    expect((await Promise.all(answers)).map(({ size }) => size)).toEqual([0, 0, 0, 0]);
  });

  it("never takes the answer to a question that was sent before it was asked", async () => {
    const { store, questions, check, clock } = openWorld();
    const first = check.leftBehind([write()]);
    await clock.advance(0);
    const entries = [write("later"), write("later too")];
    const answers = entries.map((entry) => check.leftBehind([entry]));
    store.epoch = 2;
    questions[0]!.answer();
    expect((await first).size).toBe(0);
    await clock.advance(0);

    expect(questions).toHaveLength(2);
    questions[1]!.answer();
    for (const [at, answer] of answers.entries())
      expect([...(await answer)]).toEqual([entries[at]]);
  });

  it("is not held up by a question that hangs", async () => {
    const { questions, check, clock } = openWorld();
    void check.leftBehind([write()]);
    await clock.advance(0);
    const later = check.leftBehind([write("later")]);
    await clock.advance(PATIENCE_MS - 1);
    expect(questions).toHaveLength(1);
    await clock.advance(1);
    expect(questions).toHaveLength(2);
    questions[1]!.answer();
    expect((await later).size).toBe(0);

    const next = check.leftBehind([write("next")]);
    await clock.advance(0);
    questions[2]!.answer();
    expect((await next).size).toBe(0);
  });

  it("does not know the outcome where the store does not tell, and asks anew for the next", async () => {
    const { questions, check, clock } = openWorld();
    const failed = [check.leftBehind([write()]), check.leftBehind([write("b")])];
    const told = Promise.allSettled(failed);
    await clock.advance(0);
    questions[0]!.reply.reject(storeDown());
    for (const answer of await told) {
      expect(answer).toMatchObject({
        reason: { code: "UNKNOWN_OUTCOME", cause: { code: "STORE_UNAVAILABLE" } },
      });
    }

    const next = check.leftBehind([write()]);
    await clock.advance(0);
    questions[1]!.answer();

    expect((await next).size).toBe(0);
  });
});
