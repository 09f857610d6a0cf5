import { afterEach, beforeEach, describe, expect, it, jest } from "@jest/globals";
import type { Bounded } from "../../../src/lib/deadline.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { StoreCircuit } from "../../../src/sync/store-circuit.ts";

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
  const circuit = new StoreCircuit();
  for (let i = 0; i < count; i += 1) await circuit.run(async () => failure);
  return circuit;
}

describe("StoreCircuit", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it("hands on every answer as it is", async () => {
    const circuit = new StoreCircuit();

    for (const answer of [done, silence, refusal, down]) {
      expect(await circuit.run(async () => answer)).toBe(answer);
    }
  });

  it.each([
    ["silences", silence],
    ["lost connections", down],
  ])("opens after five %s in a row", async (_, failure) => {
    const before = await afterFailures(4, failure);
    const after = await afterFailures(5, failure);

    expect([before.state, after.state]).toEqual(["closed", "open"]);
  });

  it("takes a refusal of the one write for an answer", async () => {
    const circuit = await afterFailures(20, refusal);

    expect(circuit.state).toBe("closed");
  });

  it("counts anew after each answer", async () => {
    const circuit = await afterFailures(4);
    await circuit.run(async () => done);
    await circuit.run(async () => silence);

    expect(circuit.state).toBe("closed");
  });

  it("makes no attempt while it is open, and says when to come again", async () => {
    const circuit = await afterFailures(5);
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
    const circuit = await afterFailures(5);
    jest.advanceTimersByTime(1000);
    let finish: (answer: Bounded<string>) => void = () => undefined;
    const probe = circuit.run(() => new Promise<Bounded<string>>((resolve) => (finish = resolve)));

    const meanwhile = await circuit.run(async () => done);
    finish(done);
    await probe;

    expect(meanwhile.outcome).toBe("failed");
    expect(circuit.state).toBe("closed");
  });

  it("stays open when the one attempt is not answered either", async () => {
    const circuit = await afterFailures(5);
    jest.advanceTimersByTime(1000);

    await circuit.run(async () => silence);

    expect(circuit.state).toBe("open");
  });
});
