import { describe, expect, it } from "@jest/globals";
import { ShadowWaits } from "../../../src/kv/shadow-waits.ts";
import type { Version } from "../../../src/model/version.ts";
import { versionNo } from "../../contract/entries.ts";
import { ManualClock } from "../../support/manual-clock.ts";

/** Waits on a shadow of which a test decides what it has and how it answers. */
function openWaits() {
  const clock = new ManualClock();
  const shadow = new Map<string, Version>();
  const looks: (readonly string[])[] = [];
  const answers: { next: () => Promise<unknown> } = { next: () => Promise.resolve() };
  const waits = new ShadowWaits(clock, async (keys) => {
    looks.push(keys);
    await answers.next();
    return new Map(keys.flatMap((key) => (shadow.has(key) ? [[key, shadow.get(key)!]] : [])));
  });
  const outcomes = new Map<string, string>();
  const wait = (key: string, { no = 1, withinMs = 2000 } = {}) => {
    const deadlineMs = clock.monotonicMs() + withinMs;
    const name = no === 1 ? key : `${key} ${no}`;
    void waits.until({ key, version: versionNo(no), durable: "outbox", deadlineMs }).then(
      () => outcomes.set(name, "arrived"),
      (error: { code: string }) => outcomes.set(name, error.code),
    );
  };
  return { clock, shadow, looks, answers, outcomes, wait };
}

describe("ShadowWaits", () => {
  it("asks the store no oftener for many who wait than for one", async () => {
    const { clock, looks, wait } = openWaits();
    for (let i = 0; i < 90; i += 1) wait(`key ${i}`);
    await clock.advance(0);

    await clock.advance(250);

    expect(looks.length).toBeLessThanOrEqual(11);
    expect(looks.at(-1)).toHaveLength(90);
  });

  it("lets each go once the shadow has its write or a newer one, and then asks no more", async () => {
    const { clock, shadow, looks, outcomes, wait } = openWaits();
    wait("same", { no: 2 });
    wait("newer");
    wait("older", { no: 3 });
    await clock.advance(0);

    shadow.set("same", versionNo(2)).set("newer", versionNo(5)).set("older", versionNo(2));
    await clock.advance(50);
    const early = [...outcomes.keys()];
    shadow.set("older", versionNo(3));
    await clock.advance(50);
    const looksAtEnd = looks.length;
    await clock.advance(1000);

    expect(early.toSorted()).toEqual(["newer", "same 2"]);
    expect(outcomes.get("older 3")).toBe("arrived");
    expect(looks).toHaveLength(looksAtEnd);
  });

  it("gets to all, also where more wait than one look takes", async () => {
    const { clock, shadow, outcomes, wait } = openWaits();
    for (let i = 0; i < 350; i += 1) wait(`key ${i}`);
    await clock.advance(0);
    shadow.set("key 349", versionNo(1));

    await clock.advance(100);

    expect([...outcomes]).toEqual([["key 349", "arrived"]]);
  });

  it("tells each in its own time that it took too long, also while a look hangs", async () => {
    const { clock, answers, outcomes, wait } = openWaits();
    answers.next = () => new Promise(() => undefined);
    wait("soon", { withinMs: 100 });
    wait("later", { withinMs: 300 });
    await clock.advance(0);

    await clock.advance(100);
    const early = [...outcomes];
    await clock.advance(200);

    expect(early).toEqual([["soon", "TIMED_OUT"]]);
    expect(outcomes.get("later")).toBe("TIMED_OUT");
  });

  it("looks again after a look that failed, and after one that hung", async () => {
    const { clock, shadow, answers, outcomes, wait } = openWaits();
    shadow.set("a", versionNo(1)).set("b", versionNo(1));
    answers.next = () => Promise.reject(new Error("down"));
    wait("a");
    await clock.advance(0);
    await clock.advance(25);
    answers.next = () => Promise.resolve();
    await clock.advance(25);
    const afterFailure = outcomes.get("a");
    answers.next = () => new Promise(() => undefined);
    wait("b");
    await clock.advance(0);
    await clock.advance(100);
    answers.next = () => Promise.resolve();
    await clock.advance(1000);

    expect([afterFailure, outcomes.get("b")]).toEqual(["arrived", "arrived"]);
  });
});
