import { describe, expect, it } from "@jest/globals";
import { checkKey, checkValue, checkWellFormed } from "../../../src/model/key.ts";

const MAX_BYTES = 1024;

describe("checkKey", () => {
  it.each([
    "user:1",
    " ",
    "\0",
    "{a}b{c",
    "user:lockstep:1",
    "LOCKSTEP:x",
    "lockstep",
    "😀",
    "k".repeat(1024),
    "é".repeat(512),
  ])("lets %j pass", (key) => {
    expect(() => checkKey(key, MAX_BYTES)).not.toThrow();
  });

  it("refuses an empty key", () => {
    expect(codeOf(() => checkKey("", MAX_BYTES))).toBe("INPUT_INVALID");
  });

  it("counts bytes, not characters, and says how many there are", () => {
    const refusal = refusalOf(() => checkKey("é".repeat(513), MAX_BYTES));

    expect(refusal).toMatchObject({
      code: "INPUT_INVALID",
      message: expect.stringContaining("1026 bytes"),
    });
  });

  it.each(["\ud800", "a\udc00b", "\udc00\ud800"])("refuses the lone surrogate in %j", (key) => {
    expect(codeOf(() => checkKey(key, MAX_BYTES))).toBe("INPUT_INVALID");
  });

  it.each(["lockstep:", "lockstep:m:user:1"])("refuses the server's own key %s", (key) => {
    expect(codeOf(() => checkKey(key, MAX_BYTES))).toBe("KEY_RESERVED");
  });
});

describe("checkValue", () => {
  it.each(["", "\0", "lockstep:", "x".repeat(1024), "😀".repeat(256)])("lets %j pass", (value) => {
    expect(() => checkValue(value, MAX_BYTES)).not.toThrow();
  });

  it("refuses more bytes than allowed", () => {
    expect(codeOf(() => checkValue("x".repeat(1025), MAX_BYTES))).toBe("VALUE_TOO_LARGE");
    expect(codeOf(() => checkValue("😀".repeat(257), MAX_BYTES))).toBe("VALUE_TOO_LARGE");
  });

  it("refuses a lone surrogate", () => {
    expect(codeOf(() => checkValue("a\ud83d", MAX_BYTES))).toBe("INPUT_INVALID");
  });
});

describe("checkWellFormed", () => {
  it("names the field that is wrong", () => {
    expect(refusalOf(() => checkWellFormed("sessionId", "\ud800"))).toMatchObject({
      message: expect.stringContaining("sessionId"),
    });
  });
});

function refusalOf(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

function codeOf(call: () => void): unknown {
  return (refusalOf(call) as { code?: string } | undefined)?.code;
}
