import { describe, expect, it } from "@jest/globals";
import { silentLog } from "../../../src/lib/log.ts";
import type { CallReply, ErrorText } from "../../../src/transport/call-reply.ts";
import { Envelope, type EnvelopeParts } from "../../../src/transport/envelope.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { bindTinyTools, makeTinyServices } from "../../support/tiny-app.ts";

describe("a call that works", () => {
  it("answers the same thing structured and as text", async () => {
    const { envelope } = openEnvelope();

    const reply = await envelope.call({ name: "echo", args: { text: "hi" } });

    expect(reply.structuredContent).toEqual({ text: "hi", times: 1 });
    expect(JSON.parse(reply.content[0].text)).toEqual(reply.structuredContent);
    expect(reply.isError).toBeUndefined();
  });

  it("leaves a long value out of the text when the answer would be too large, and says so", async () => {
    const { envelope } = openEnvelope();
    const text = "x".repeat(5 * 1024 * 1024);

    const reply = await envelope.call({ name: "echo", args: { text } });

    expect(reply.structuredContent).toEqual({ text, times: 1 });
    expect(JSON.parse(reply.content[0].text)).toEqual({
      text: expect.stringContaining("left out of this text: 5242880 characters"),
      times: 1,
    });
  });

  it("keeps a value of 1 MiB in the text", async () => {
    const { envelope } = openEnvelope();
    const text = '"'.repeat(1024 * 1024);

    const reply = await envelope.call({ name: "echo", args: { text } });

    expect(JSON.parse(reply.content[0].text)).toEqual({ text, times: 1 });
  });

  it("takes missing arguments as none", async () => {
    const { envelope } = openEnvelope();

    expect(errorOf(await envelope.call({ name: "echo", args: undefined }))).toMatchObject({
      code: "INPUT_INVALID",
      message: "text is missing (string).",
    });
  });
});

describe("wrong arguments", () => {
  it.each([
    [{ text: 3 }, "text: expected string, received number."],
    [{ text: "" }, "text: too small"],
    [{ text: "a", times: 1.5 }, "times: expected int"],
    [
      { text: "a", time: 2 },
      "There is no field time (did you mean times?). The fields are text, times.",
    ],
    [{ text: "a", "": 1 }, "There is no field . The fields are text, times."],
    [["text"], "arguments: expected object, received array."],
    ["text", "arguments: expected object, received string."],
  ])("%j is refused with the field it is about", async (args, message) => {
    const { envelope } = openEnvelope();

    const reply = await envelope.call({ name: "echo", args });

    expect(errorOf(reply)).toMatchObject({ code: "INPUT_INVALID", retryable: false });
    expect(errorOf(reply).message).toContain(message);
    expect(reply.structuredContent).toBeUndefined();
  });

  it("are not repeated at length", async () => {
    const { envelope } = openEnvelope();
    const args = Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`${i}`.repeat(999), 1]));

    const { message } = errorOf(await envelope.call({ name: "echo", args }));

    expect(message.length).toBeLessThan(1_000);
    expect(message).toContain("94 more");
  });
});

it("an unknown tool is an error of the protocol, with the nearest name", async () => {
  const { envelope } = openEnvelope();

  await expect(envelope.call({ name: "ehco", args: {} })).rejects.toMatchObject({
    code: "TOOL_UNKNOWN",
    message: "There is no tool ehco.",
  });
  await expect(envelope.call({ name: "echoo", args: {} })).rejects.toMatchObject({
    message: "There is no tool echoo. Did you mean echo?",
  });
});

describe("a call that fails", () => {
  it("tells code, hint and when to retry, and never a secret", async () => {
    const { envelope } = openEnvelope();

    const reply = await envelope.call({ name: "fail", args: { how: "told" } });

    expect(reply.isError).toBe(true);
    expect(reply.structuredContent).toBeUndefined();
    expect(errorOf(reply)).toEqual({
      code: "STORE_UNAVAILABLE",
      message: "mongodb://app:***@a does not answer.",
      hint: expect.stringContaining("cached keys can still be read"),
      retryable: true,
      retryAfterMs: 1_000,
    });
  });

  it.each(["bug", "shape"])(
    "tells of a %s only a reference, which the log explains",
    async (how) => {
      const { envelope, logged } = openEnvelope();

      const reply = await envelope.call({ name: "fail", args: { how } });

      const { code, message, reference } = errorOf(reply);
      expect(code).toBe("INTERNAL");
      expect(message).toContain(reference);
      expect(reply.content[0].text).not.toContain("undefined is not a function");
      expect(logged.find((line) => line.level === "error")).toMatchObject({
        fields: { reference, tool: "fail", err: expect.any(Error) },
      });
    },
  );

  it("leaves no arguments in the log", async () => {
    const { envelope, logged } = openEnvelope();

    await envelope.call({ name: "echo", args: { text: "private" } });

    expect(logged).toEqual([
      {
        level: "debug",
        fields: { tool: "echo", outcome: "ok", tookMs: 0 },
        message: expect.any(String),
      },
    ]);
  });
});

describe("a call that takes too long", () => {
  it("is stopped and answered with TIMED_OUT", async () => {
    const { envelope, clock, services } = openEnvelope({ callTimeoutMs: 1_000 });
    const reply = envelope.call({ name: "linger", args: {} });
    await clock.untilSleeping();

    await clock.advance(1_000);

    expect(errorOf(await reply)).toMatchObject({
      code: "TIMED_OUT",
      message: expect.stringContaining("1000 ms (LOCKSTEP_CALL_TIMEOUT_MS)"),
      hint: expect.stringContaining("may have happened all the same"),
    });
    expect(services.lingering[0]?.aborted).toBe(true);
  });

  it("is answered even if it does not listen to its signal, and counts as running until it ends", async () => {
    const { envelope, clock, services } = openEnvelope({ callTimeoutMs: 1_000 });
    const reply = envelope.call({ name: "linger", args: { stubborn: true } });
    await clock.untilSleeping();

    await clock.advance(1_000);

    expect(errorOf(await reply).code).toBe("TIMED_OUT");
    expect(envelope.runningCalls).toBe(1);
    services.release();
    await clock.advance(0);
    expect(envelope.runningCalls).toBe(0);
  });

  it("leaves no timer behind when it ends in time", async () => {
    const { envelope, clock } = openEnvelope();

    await envelope.call({ name: "echo", args: { text: "hi" } });
    await clock.advance(0);

    expect(clock.sleeping).toBe(0);
  });
});

describe("a call that the client cancels", () => {
  it("is told to stop and answered with ABORTED", async () => {
    const { envelope, services } = openEnvelope();
    const client = new AbortController();
    const reply = envelope.call({ name: "linger", args: {}, signal: client.signal });

    client.abort();

    expect(errorOf(await reply).code).toBe("ABORTED");
    expect(services.lingering.every((signal) => signal.aborted)).toBe(true);
  });

  it("does not begin when it was cancelled before", async () => {
    const { envelope, services } = openEnvelope();

    const reply = await envelope.call({ name: "linger", args: {}, signal: AbortSignal.abort() });

    expect(errorOf(reply).code).toBe("ABORTED");
    expect(services.lingering).toEqual([]);
  });
});

describe("progress", () => {
  it("only ever grows, is not told too often, and always tells the end", async () => {
    const { envelope } = openEnvelope();
    const told: number[] = [];

    await envelope.call({
      name: "count",
      args: { to: 1_000 },
      onProgress: ({ done }) => told.push(done),
    });

    expect(told).toEqual([1, 1_000]);
  });
});

describe("drain", () => {
  it("waits for running calls and refuses new ones", async () => {
    const { envelope, services } = openEnvelope();
    const running = envelope.call({ name: "linger", args: {} });
    const drained = envelope.drain(1_000);

    const late = await envelope.call({ name: "echo", args: { text: "late" } });
    services.release();

    expect(errorOf(late)).toMatchObject({ code: "SHUTTING_DOWN", retryable: true });
    expect(await drained).toBe("drained");
    expect((await running).structuredContent).toEqual({ ended: "released" });
  });

  it("cuts short what is still running at the deadline", async () => {
    const { envelope, clock } = openEnvelope();
    const running = envelope.call({ name: "linger", args: { stubborn: true } });
    const drained = envelope.drain(1_000);
    await clock.untilSleeping(2);

    await clock.advance(1_000);

    expect(await drained).toBe("cut short");
    expect(errorOf(await running).code).toBe("SHUTTING_DOWN");
  });
});

interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

describe("what is told of calls", () => {
  it("is each one that was answered, with an error too, and none that no tool answers", async () => {
    let calls = 0;
    const { envelope } = openEnvelope({ afterCall: () => void (calls += 1) });

    await envelope.call({ name: "echo", args: { text: "hi" } });
    await envelope.call({ name: "echo", args: {} });
    await envelope.call({ name: "fail", args: { how: "bug" } });
    await expect(envelope.call({ name: "nothing", args: {} })).rejects.toThrow("no tool nothing");

    expect(calls).toBe(3);
  });
});

function openEnvelope(parts: Partial<EnvelopeParts> = {}) {
  const services = makeTinyServices();
  const clock = new ManualClock();
  const logged: LogLine[] = [];
  const note = (level: string) => (fields: object, message: string) =>
    void logged.push({ level, fields, message });
  const envelope = new Envelope({
    tools: bindTinyTools(services),
    clock,
    random: new SeededRandom(1),
    log: { ...silentLog, debug: note("debug"), error: note("error") },
    callTimeoutMs: 60_000,
    redact: (text) => text.replaceAll("st0re-pass", "***"),
    ...parts,
  });
  return { envelope, services, clock, logged };
}

function errorOf(reply: CallReply): ErrorText {
  expect(reply.isError).toBe(true);
  return JSON.parse(reply.content[0].text) as ErrorText;
}
