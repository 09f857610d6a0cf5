import { describe, expect, it } from "@jest/globals";
import { Flights } from "../../../src/lib/flights.ts";
import { deferred } from "../../support/steer.ts";

describe("Flights", () => {
  it("makes the next one wait while as many as may be are under way", async () => {
    const flights = new Flights(2);
    const gates = [deferred(), deferred()];
    await flights.begin(() => gates[0]!.promise);
    const room = { free: false };
    const second = flights
      .begin(() => gates[1]!.promise)
      .then(() => {
        room.free = true;
      });
    await Promise.resolve();
    const before = room.free;

    gates[1]!.resolve();
    await second;

    expect([before, room.free]).toEqual([false, true]);
    gates[0]!.resolve();
    await flights.land();
  });

  it("lets the others land when one fails, and tells of the first failure in the end", async () => {
    const flights = new Flights(3);
    const landed: string[] = [];
    const gate = deferred();
    await flights.begin(async () => {
      await gate.promise;
      landed.push("slow");
    });
    await flights.begin(() => Promise.reject(new Error("first")));
    await flights.begin(() => Promise.reject(new Error("second")));
    const all = flights.land();

    gate.resolve();

    await expect(all).rejects.toThrow("first");
    expect(landed).toEqual(["slow"]);
    expect(flights.hasFailed).toBe(true);
  });

  it("has nothing to wait for when nothing was begun", async () => {
    await expect(new Flights(1).land()).resolves.toBeUndefined();
  });
});
