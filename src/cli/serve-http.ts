import { once } from "node:events";
import { maskConfig } from "../config/secrets.ts";
import { within } from "../lib/deadline.ts";
import { serverInfo } from "../transport/server-identity.ts";
import type { CliContext } from "./cli-context.ts";
import type { ExitCode } from "./exit-code.ts";
import { openServer } from "./open-server.ts";
import { renderStartScreen } from "./start-screen.ts";

/** What the closing of connections may take beyond the running calls. */
const lastConnectionsMs = 3_000;

/** Serves MCP over HTTP until the process is told to stop. */
export async function serveOverHttp(context: CliContext): Promise<ExitCode> {
  const transport = import("../transport/http/http-server.ts");
  const { app, config, close, ...parts } = await openServer(context);
  try {
    const { startHttpServer } = await transport;
    const server = await startHttpServer({
      ...parts,
      health: () => app.health(),
      options: {
        host: config.httpHost,
        port: config.httpPort,
        token: config.httpToken,
        withSessions: config.httpSessions,
        sessionIdleMs: config.httpSessionIdleMinutes * 60_000,
        sessionsMax: config.httpSessionsMax,
        bodyMaxBytes: config.httpBodyMaxBytes,
        allowedHosts: config.allowedHosts,
        allowedOrigins: config.allowedOrigins,
      },
    });
    // A person at a terminal gets the screen below instead of a wall of settings.
    const resolved = context.isTerminal ? {} : { config: maskConfig(config) };
    parts.log.info({ url: server.url, ...resolved }, `Lockstep ${serverInfo.version} listens`);
    const needsToken = config.httpToken !== undefined;
    // Not among the log lines, which are JSON where nobody looks at them.
    context.stdout.write(
      renderStartScreen({ url: server.url, backends: app.backends, needsToken }),
    );
    if (!context.stop.aborted) await once(context.stop, "abort");
    parts.log.info("Lockstep ends: told to stop");
    const { shutdownTimeoutMs } = config;
    const limitMs = shutdownTimeoutMs + lastConnectionsMs;
    await within(parts.clock, limitMs, server.close(shutdownTimeoutMs));
    return 0;
  } finally {
    await close();
  }
}
