import { PassThrough } from "node:stream";
import { describe, expect, it } from "@jest/globals";
import { silentLog } from "../../../src/lib/log.ts";
import { Envelope } from "../../../src/transport/envelope.ts";
import { serveStdio } from "../../../src/transport/stdio.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { bindTinyTools, makeTinyServices } from "../../support/tiny-app.ts";
import { waitUntil } from "../../support/wait-until.ts";

describe("serveStdio", () => {
  it("answers a call that is running when the client closes stdin, and only then ends", async () => {
    const { stdin, answers, services, end } = serve();
    send(stdin, call(1, "linger"));
    stdin.end();
    await waitUntil(() => services.lingering.length === 1);

    services.release();

    expect(await end).toBe("stdin closed");
    expect(answers()).toMatchObject([{ id: 1, result: { structuredContent: {} } }]);
  });

  it("tells a call that is too slow at the end why it was stopped", async () => {
    const { stdin, answers, services, clock, end } = serve();
    send(stdin, {
      ...call(1, "linger"),
      params: { name: "linger", arguments: { stubborn: true } },
    });
    await waitUntil(() => services.lingering.length === 1);

    stdin.end();
    await clock.untilSleeping(2);
    await clock.advance(10_000);

    expect(await end).toBe("stdin closed");
    expect(JSON.stringify(answers())).toContain("SHUTTING_DOWN");
    services.release();
  });

  it("ends when it is told to", async () => {
    const { stop, end } = serve();

    stop.abort();

    expect(await end).toBe("told to stop");
  });

  it("ends when stdout breaks", async () => {
    const { stdout, end } = serve();

    stdout.destroy(new Error("EPIPE"));

    expect(await end).toBe("stdout closed");
  });

  it("says how long a message may be before it gives up on one that is longer", async () => {
    const { stdin, answers, end } = serve();

    stdin.write(Buffer.alloc(32 * 1024 * 1024 + 1, "x"));

    expect(await end).toBe("message too long");
    expect(answers()).toMatchObject([{ id: null, error: { code: -32_600 } }]);
  });

  it("answers the first message of a client that is ahead of it", async () => {
    const { stdin, answers, end } = serve();
    send(stdin, { jsonrpc: "2.0", id: 0, method: "ping" });
    stdin.end();

    await end;

    expect(answers()).toEqual([{ jsonrpc: "2.0", id: 0, result: {} }]);
  });
});

function serve() {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const clock = new ManualClock();
  const services = makeTinyServices();
  const stop = new AbortController();
  const shared = { clock, log: silentLog };
  const envelope = new Envelope({
    ...shared,
    tools: bindTinyTools(services),
    random: new SeededRandom(1),
    callTimeoutMs: 60_000,
    redact: (text) => text,
  });
  const end = serveStdio({
    ...shared,
    envelope,
    stdin,
    stdout,
    stop: stop.signal,
    shutdownTimeoutMs: 10_000,
    valueMaxBytes: 1_024,
  });
  let written = "";
  stdout.setEncoding("utf8").on("data", (text: string) => {
    written += text;
  });
  const answers = () =>
    written
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as object);
  return { stdin, stdout, clock, services, stop, end, answers };
}

function call(id: number, name: string) {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {} } };
}

function send(stdin: PassThrough, message: object): void {
  stdin.write(`${JSON.stringify(message)}\n`);
}
