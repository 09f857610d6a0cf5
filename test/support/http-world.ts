import { execFile } from "node:child_process";
import type { AppHealth } from "../../src/app/app.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { Envelope } from "../../src/transport/envelope.ts";
import {
  type HttpOptions,
  type HttpServer,
  startHttpServer,
} from "../../src/transport/http/http-server.ts";
import { SeededRandom } from "./seeded-random.ts";
import { makeTinyApp, type TinyServices } from "./tiny-app.ts";

export interface HttpWorld {
  readonly url: string;
  readonly services: TinyServices;
  readonly envelope: Envelope;
  readonly server: HttpServer;
}

/** The HTTP server with trivial tools on a free port of this machine. */
export async function openHttpWorld({
  health = {},
  clock = systemClock,
  ...options
}: Partial<HttpOptions> & { health?: Partial<AppHealth>; clock?: Clock } = {}): Promise<HttpWorld> {
  const app = makeTinyApp(health);
  const shared = {
    clock,
    random: new SeededRandom(1),
    log: silentLog,
    redact: (text: string) => text.replaceAll("st0re-pass", "***"),
  };
  const envelope = new Envelope({ ...shared, tools: app.tools, callTimeoutMs: 60_000 });
  const server = await startHttpServer({
    ...shared,
    envelope,
    health: () => app.health(),
    options: {
      host: "127.0.0.1",
      port: 0,
      withSessions: true,
      sessionIdleMs: 30 * 60_000,
      sessionsMax: 100,
      bodyMaxBytes: 8 * 1024 * 1024,
      allowedHosts: [],
      allowedOrigins: [],
      ...options,
    },
  });
  return { url: server.url, services: app.services, envelope, server };
}

/** Runs curl as a process: what it prints, and the status after it. */
export function curl(...args: readonly string[]): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 64 * 1024 * 1024 };
    execFile("curl", ["-s", "-w", "\n%{http_code}", ...args], options, (error, stdout, stderr) => {
      if (error !== null) return reject(new Error(`curl: ${error.message} ${stderr}`));
      const end = stdout.lastIndexOf("\n");
      return resolve({ status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) });
    });
  });
}

export interface ServerEvent {
  readonly event?: string;
  readonly data?: string;
  readonly comment?: string;
}

/** Every event of a stream of server-sent events, and comments as `{ comment }`, as they come. */
export async function* readEvents(response: Response): AsyncGenerator<ServerEvent, undefined> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      yield parseEvent(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
  return undefined;
}

function parseEvent(block: string): ServerEvent {
  if (block.startsWith(":")) return { comment: block.slice(1).trim() };
  return Object.fromEntries(
    block.split("\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
}
