import { describe, expect, it } from "@jest/globals";
import type { Bounded } from "../../../src/lib/deadline.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { StoreCircuit } from "../../../src/sync/store-circuit.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { deferred } from "../../support/steer.ts";

const done: Bounded<string> = { outcome: "done", value: "landed" };
const silence: Bounded<string> = { outcome: "timed_out" };
const refusal: Bounded<string> = {
  outcome: "failed",
  error: new LockstepError("VALUE_TOO_LARGE", "The document is too large."),
};
const down: Bounded<string> = {
  outcome: "failed",
  error: new LockstepError("STORE_UNAVAILABLE", "Connection refused."),
};

async function afterFailures(count: number, failure: Bounded<string> = silence) {
  const clock = new ManualClock();
  const circuit = new StoreCircuit(clock);
  for (let i = 0; i < count; i += 1) await circuit.run(async () => failure);
  return { clock, circuit };
}

describe("StoreCircuit", () => {
  it("hands on every answer as it is", async () => {
    const circuit = new StoreCircuit(new ManualClock());

    for (const answer of [done, silence, refusal, down]) {
      expect(await circuit.run(async () => answer)).toBe(answer);
    }
  });

  it.each([
    ["silences", silence],
    ["lost connections", down],
  ])("opens after five %s in a row", async (_, failure) => {
    const { circuit: before } = await afterFailures(4, failure);
    const { circuit: after } = await afterFailures(5, failure);

    expect([before.state, after.state]).toEqual(["closed", "open"]);
  });

  it("takes a refusal of the one write for an answer", async () => {
    const { circuit } = await afterFailures(20, refusal);

    expect(circuit.state).toBe("closed");
  });

  it("counts anew after each answer", async () => {
    const { circuit } = await afterFailures(4);
    await circuit.run(async () => done);
    await circuit.run(async () => silence);

    expect(circuit.state).toBe("closed");
  });

  it("makes no attempt while it is open, and says when to come again", async () => {
    const { circuit } = await afterFailures(5);
    let attempts = 0;

    const answer = await circuit.run(async () => {
      attempts += 1;
      return done;
    });

    expect(attempts).toBe(0);
    expect(answer).toMatchObject({
      outcome: "failed",
      error: { code: "STORE_UNAVAILABLE", retryAfterMs: 1000 },
    });
  });

  it("lets one attempt through after a second, and closes when it is answered", async () => {
    const { clock, circuit } = await afterFailures(5);
    await clock.advance(1000);
    const answer = deferred<Bounded<string>>();
    const probe = circuit.run(() => answer.promise);

    const meanwhile = await circuit.run(async () => done);
    const during = circuit.state;
    answer.resolve(done);
    await probe;

    expect(meanwhile.outcome).toBe("failed");
    expect([during, circuit.state]).toEqual(["half-open", "closed"]);
  });

  it("stays open for another second when the one attempt is not answered either", async () => {
    const { clock, circuit } = await afterFailures(5);
    await clock.advance(1000);

    await circuit.run(async () => silence);
    await clock.advance(999);
    const early = await circuit.run(async () => done);
    await clock.advance(1);
    const late = await circuit.run(async () => done);

    expect([early.outcome, late.outcome]).toEqual(["failed", "done"]);
    expect(circuit.state).toBe("closed");
  });

  it("takes an attempt that was never begun for no word about the store, also where it was to be the one", async () => {
    const neverBegun = { outcome: "never_begun" } as const;
    const { circuit: closed } = await afterFailures(4);
    for (let i = 0; i < 5; i += 1) await closed.run(async () => neverBegun);
    const beforeFifth = closed.state;
    await closed.run(async () => silence);
    const { clock, circuit } = await afterFailures(5);
    await clock.advance(1000);

    const answer = await circuit.run(async () => neverBegun);
    const afterIt = circuit.state;
    const next = await circuit.run(async () => done);

    expect([beforeFifth, closed.state]).toEqual(["closed", "open"]);
    expect([answer.outcome, afterIt, next.outcome]).toEqual(["never_begun", "open", "done"]);
  });

  it("closes at the answer to an attempt that began before it opened", async () => {
    const { circuit } = await afterFailures(4);
    const answer = deferred<Bounded<string>>();
    const slow = circuit.run(() => answer.promise);
    await circuit.run(async () => silence);
    const before = circuit.state;

    answer.resolve(done);
    await slow;

    expect([before, circuit.state]).toEqual(["open", "closed"]);
  });

  it("does not leave the store alone any longer for the silence of attempts that began before it opened", async () => {
    const { clock, circuit } = await afterFailures(4);
    const answer = deferred<Bounded<string>>();
    const slow = circuit.run(() => answer.promise);
    await circuit.run(async () => silence);
    await clock.advance(900);
    answer.resolve(silence);
    await slow;
    await clock.advance(100);

    expect((await circuit.run(async () => done)).outcome).toBe("done");
  });

  it("tries again after a second where the one attempt could not be made for a defect", async () => {
    const { clock, circuit } = await afterFailures(5);
    await clock.advance(1000);

    const defect = circuit.run(() => Promise.reject(new TypeError("A defect.")));

    await expect(defect).rejects.toThrow("A defect.");
    expect((await circuit.run(async () => done)).outcome).toBe("done");
  });
});
