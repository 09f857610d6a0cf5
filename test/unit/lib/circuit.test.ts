import { describe, expect, it } from "@jest/globals";
import { Circuit } from "../../../src/lib/circuit.ts";
import type { Bounded } from "../../../src/lib/deadline.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { deferred } from "../../support/steer.ts";

const done: Bounded<string> = { outcome: "done", value: "answer" };
const silence: Bounded<string> = { outcome: "timed_out" };

function openWorld() {
  const clock = new ManualClock();
  const circuit = new Circuit({
    clock,
    failuresToOpen: 2,
    openMs: 100,
    isFailure: ({ outcome }) => outcome === "timed_out",
    leftAlone: () => "left alone",
  });
  return { clock, circuit, fail: () => circuit.run(async () => silence) };
}

describe("Circuit", () => {
  it("is open from the last allowed failure on, and makes no attempt then", async () => {
    const { circuit, fail } = openWorld();
    await fail();
    const between = circuit.state;
    await fail();
    let attempts = 0;

    const answer = await circuit.run(async () => {
      attempts += 1;
      return done;
    });

    expect([between, circuit.state, attempts]).toEqual(["closed", "open", 0]);
    expect(answer).toEqual({ outcome: "failed", error: "left alone" });
  });

  it("is half open while the one probe is under way, and lets nobody else through", async () => {
    const { circuit, clock, fail } = openWorld();
    await fail();
    await fail();
    await clock.advance(100);
    const answer = deferred<Bounded<string>>();
    const probe = circuit.run(() => answer.promise);

    expect(circuit.state).toBe("half-open");
    expect(await circuit.run(async () => done)).toMatchObject({ error: "left alone" });
    answer.resolve(done);
    expect(await probe).toBe(done);
    expect(circuit.state).toBe("closed");
  });

  it("is open anew, for the whole time, after a probe without an answer", async () => {
    const { circuit, clock, fail } = openWorld();
    await fail();
    await fail();
    await clock.advance(100);
    await fail();
    await clock.advance(99);

    expect(await circuit.run(async () => done)).toMatchObject({ error: "left alone" });
    await clock.advance(1);
    expect(await circuit.run(async () => done)).toBe(done);
  });

  it("is closed by the late answer of an attempt from before, and not kept open by its silence", async () => {
    const { circuit, clock, fail } = openWorld();
    const [answered, silent] = [deferred<Bounded<string>>(), deferred<Bounded<string>>()];
    const early = [circuit.run(() => answered.promise), circuit.run(() => silent.promise)];
    await fail();
    await fail();
    await clock.advance(50);

    silent.resolve(silence);
    await early[1];
    await clock.advance(50);
    // Had that silence counted, the time would have begun anew.
    expect(await circuit.run(async () => silence)).toBe(silence);
    answered.resolve(done);
    await early[0];

    expect(circuit.state).toBe("closed");
  });

  it("takes a defect of the attempt for no word about the other side", async () => {
    const { circuit, clock, fail } = openWorld();
    const defect = new TypeError("a bug");
    await fail();
    await expect(circuit.run(() => Promise.reject(defect))).rejects.toBe(defect);
    await fail();
    await clock.advance(100);

    await expect(circuit.run(() => Promise.reject(defect))).rejects.toBe(defect);

    expect(circuit.state).toBe("open");
    expect(await circuit.run(async () => done)).toBe(done);
  });
});
