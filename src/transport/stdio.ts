import type { Readable, Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import type { Envelope } from "./envelope.ts";
import { makeMcpMethods } from "./mcp-methods.ts";
import { createMcpServer } from "./mcp-server.ts";
import { PROTOCOL_ERRORS } from "./protocol-error.ts";

export interface StdioParts {
  readonly envelope: Envelope;
  readonly log: Log;
  readonly clock: Clock;
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Aborts when the process is told to stop. */
  readonly stop: AbortSignal;
  /** How long running calls may still take once the end has come, milliseconds. */
  readonly shutdownTimeoutMs: number;
  /** The largest value a tool takes; a message may be several times as long, because JSON escapes. */
  readonly valueMaxBytes: number;
}

/** Why the serving ended. */
export type StdioEnd = "stdin closed" | "stdout closed" | "told to stop" | "message too long";

/** One letter of a value takes at most six in JSON; the rest of a message is small. */
const jsonGrowth = 6;
const otherBytes = 1024 * 1024;
/** A value far beyond the limit should still be refused by its tool, which can say what the limit is. */
const messageFloorBytes = 32 * 1024 * 1024;

/**
 * Serves MCP on stdin and stdout until the client closes either, or `stop` aborts. Answers of calls that are then
 * running are still written, within the deadline.
 */
export async function serveStdio(parts: StdioParts): Promise<StdioEnd> {
  const { envelope, log, clock, stdin, stdout } = parts;
  const server = createMcpServer(makeMcpMethods(envelope), log);
  const maxBufferSize = Math.max(messageFloorBytes, parts.valueMaxBytes * jsonGrowth + otherBytes);
  const transport = new StdioServerTransport(stdin, stdout, { maxBufferSize });
  answerUnreadable(transport, stdout, maxBufferSize);

  const ended = firstEnd(parts, transport);
  await server.connect(transport);
  const end = await ended;

  // The last messages may have been read in the same turn as the end; their calls begin before the next one.
  await turn();
  await envelope.drain(parts.shutdownTimeoutMs);
  await turn();
  await within(clock, flushTimeoutMs, flush(stdout));
  await server.close();
  return end;
}

/** A client that does not read any more must not keep the process; its pipe holds the answers. */
const flushTimeoutMs = 1_000;

function firstEnd(
  { stdin, stdout, stop, log }: StdioParts,
  transport: StdioServerTransport,
): Promise<StdioEnd> {
  return new Promise((resolve) => {
    stdin.once("end", () => resolve("stdin closed"));
    stdin.once("close", () => resolve("stdin closed"));
    // Without a listener, a client that has gone away would end the process with an exception in the middle of work.
    stdout.on("error", (error) => {
      log.debug({ err: error }, "stdout cannot be written any more");
      resolve("stdout closed");
    });
    // The SDK closes its side without a word when a message is longer than its buffer.
    transport.onclose = () => resolve("message too long");
    stop.addEventListener("abort", () => resolve("told to stop"), { once: true });
    if (stop.aborted) resolve("told to stop");
  });
}

/** The SDK drops what it cannot read, and leaves its sender waiting for an answer. */
function answerUnreadable(transport: StdioServerTransport, stdout: Writable, limit: number): void {
  transport.onerror = (error) => {
    const answer = { jsonrpc: "2.0", id: null, error: describeUnreadable(error, limit) };
    if (stdout.writable) stdout.write(`${JSON.stringify(answer)}\n`);
  };
}

function describeUnreadable(error: Error, limitBytes: number): { code: number; message: string } {
  const { parseError, invalidRequest } = PROTOCOL_ERRORS;
  if (error instanceof SyntaxError) return { code: parseError, message: "The line is not JSON." };
  if (error.name === "ZodError") {
    return { code: invalidRequest, message: "The line is not a JSON-RPC message." };
  }
  return { code: invalidRequest, message: `A message may have at most ${limitBytes} bytes.` };
}

function flush(stdout: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (stdout.writable) stdout.write("", () => resolve());
    else resolve();
  });
}
