import { describe, expect, it } from "@jest/globals";
import { printReply } from "../../../src/cli/print-reply.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { replyWith, replyWithError } from "../../../src/transport/call-reply.ts";

const failed = replyWithError(new LockstepError("STORE_UNAVAILABLE", "It does not answer."), {
  redact: (text) => text,
});

describe("printReply", () => {
  it("prints an answer for people, line by line", () => {
    const reply = replyWith({
      key: "a",
      ttlSec: null,
      pool: { active: 0, max: 10 },
      mismatches: [{ key: "b", class: "stale" }],
      staleKeys: [],
    });

    expect(printReply(reply, false)).toEqual({
      stdout:
        "key: a\nttlSec: null\npool:\n  active: 0\n  max: 10\nmismatches:\n  - key b, class stale\nstaleKeys: none\n",
      stderr: "",
    });
  });

  it("prints an answer for programs as one line of JSON", () => {
    expect(printReply(replyWith({ value: "a\nb" }), true)).toEqual({
      stdout: '{"value":"a\\nb"}\n',
      stderr: "",
    });
  });

  it("prints a failure with what to do, on stderr", () => {
    const { stdout, stderr } = printReply(failed, false);

    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /^STORE_UNAVAILABLE: It does not answer\.\n.*\nTry again in 1000 ms\.\n$/,
    );
  });

  it("prints a failure for programs as JSON too", () => {
    expect(JSON.parse(printReply(failed, true).stdout)).toMatchObject({
      code: "STORE_UNAVAILABLE",
      retryable: true,
    });
  });
});
