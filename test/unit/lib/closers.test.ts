import { describe, expect, it } from "@jest/globals";
import { Closers } from "../../../src/lib/closers.ts";

describe("Closers", () => {
  it("closes in reverse order, one after the other", async () => {
    const closers = new Closers();
    const closed: string[] = [];
    for (const name of ["store", "cache", "projector"]) {
      closers.push(name, async () => {
        closed.push(`${name} begins`);
        await Promise.resolve();
        closed.push(`${name} ends`);
      });
    }

    expect(await closers.closeAll()).toEqual([]);

    expect(closed).toEqual([
      "projector begins",
      "projector ends",
      "cache begins",
      "cache ends",
      "store begins",
      "store ends",
    ]);
  });

  it("closes the others though one fails, and names those that failed", async () => {
    const closers = new Closers();
    const closed: string[] = [];
    const error = new Error("stuck");
    closers.push("first", () => void closed.push("first"));
    closers.push("second", () => Promise.reject(error));
    closers.push("third", () => {
      throw error;
    });

    expect(await closers.closeAll()).toEqual([
      { name: "third", error },
      { name: "second", error },
    ]);

    expect(closed).toEqual(["first"]);
  });

  it("closes each only once", async () => {
    const closers = new Closers();
    let times = 0;
    closers.push("store", () => {
      times += 1;
    });

    await closers.closeAll();
    await closers.closeAll();

    expect(times).toBe(1);
  });
});
