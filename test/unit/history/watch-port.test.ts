import { describe, expect, it } from "@jest/globals";
import { watchPort } from "../../../src/history/watch-port.ts";

class Port {
  readonly #factor: number;
  state = "first";

  constructor(factor: number) {
    this.#factor = factor;
  }

  async multiply(number: number): Promise<number> {
    if (number < 0) throw new Error("negative");
    return number * this.#factor;
  }

  double(number: number): number {
    return 2 * number;
  }
}

describe("watchPort", () => {
  it("hears each answer with what was asked, before the caller goes on", async () => {
    const heard: string[] = [];
    const port = watchPort(new Port(3), {
      multiply: (answer, number) => void heard.push(`${number} → ${answer}`),
    });

    const answer = await port.multiply(7);
    heard.push("the caller");

    expect(answer).toBe(21);
    expect(heard).toEqual(["7 → 21", "the caller"]);
  });

  it("leaves failures to the caller, and what is not listened to as it is", async () => {
    const heard: number[] = [];
    const port = watchPort(new Port(3), { multiply: (answer) => void heard.push(answer) });

    await expect(port.multiply(-1)).rejects.toThrow("negative");
    expect([port.double(4), port.state, heard]).toEqual([8, "first", []]);
  });

  it("does not fail the call where the listener fails", async () => {
    const port = watchPort(new Port(3), {
      multiply: () => {
        throw new Error("the listener");
      },
    });

    expect(await port.multiply(2)).toBe(6);
  });

  it("follows properties that change, and puts others in their place where told", () => {
    const target = new Port(3);
    const port = watchPort(target, {}, { double: () => 0 });
    target.state = "second";

    expect([port.state, port.double(4)]).toEqual(["second", 0]);
  });
});
