import { describe, expect, it } from "@jest/globals";
import {
  isOutOfMemory,
  isPassing,
  isRefusal,
  mayHaveRun,
  reasonOf,
} from "../../../../../src/cache/drivers/redis/redis-errors.ts";

function refusal(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

const neverSent = new Error("Stream isn't writeable and enableOfflineQueue options is false");
const lost = Object.assign(new Error("Reached the max retries per request limit (which is 0)."), {
  name: "MaxRetriesPerRequestError",
});

describe("a failed command", () => {
  it.each([
    ["one that the server refused", refusal("WRONGTYPE Operation against a key"), false],
    ["one that was never sent", neverSent, false],
    ["one whose connection went away", lost, true],
    ["one without an answer in time", new Error("Command timed out"), true],
    ["one that the system cut off", new Error("read ECONNRESET"), true],
  ])("may have run all the same: %s", (_name, error, may) => {
    expect(mayHaveRun(error)).toBe(may);
  });

  it.each([
    "OOM command not allowed when used memory > 'maxmemory'.",
    "ERR Error running script (call to f_ab): @user_script:1: -OOM command not allowed when used memory > 'maxmemory'.",
  ])("was refused for want of memory: %s", (message) => {
    expect(isOutOfMemory(refusal(message))).toBe(true);
    expect(isOutOfMemory(new Error(message))).toBe(false);
  });

  it("was refused for this moment only while the server is busy, loads or waits for a password", () => {
    const passing = ["BUSY Redis is busy", "LOADING Redis is loading", "NOAUTH Authentication"];
    const lasting = ["NOPERM this user has no permissions", "ERR unknown command 'CONFIG'"];

    expect(passing.map((message) => isPassing(refusal(message)))).toEqual([true, true, true]);
    expect(lasting.map((message) => isPassing(refusal(message)))).toEqual([false, false]);
    expect(isRefusal(refusal("ERR"))).toBe(true);
    expect(isRefusal(lost)).toBe(false);
  });

  it("is explained by the trouble of the connection where there is none", () => {
    const trouble = "connect ECONNREFUSED 127.0.0.1:6390";

    expect(reasonOf(neverSent, trouble)).toBe(`not connected (${trouble})`);
    expect(reasonOf(new Error("Connection is closed."), trouble)).toBe(
      `not connected (${trouble})`,
    );
    expect(reasonOf(neverSent, undefined)).toBe("not connected");
    expect(reasonOf(lost, trouble)).toBe("the connection was lost");
    expect(reasonOf(refusal("NOPERM no"), trouble)).toBe("NOPERM no");
    expect(reasonOf(new TypeError(""), undefined)).toBe("TypeError");
    expect(reasonOf("text", undefined)).toBe("unknown cause");
  });
});
