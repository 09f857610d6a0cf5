import type { FastifyInstance } from "fastify";
import { LockstepError } from "../../model/lockstep-error.ts";

/**
 * Listens, and returns where a program on this machine reaches the server. Closes the instance when it cannot.
 * Errors: PORT_IN_USE, CONFIG_INVALID.
 */
export async function listen(
  app: FastifyInstance,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw describeListenFailure(error, { host, port });
  }
  const address = app.server.address();
  const openPort = typeof address === "object" && address !== null ? address.port : port;
  const isEverywhere = host === "0.0.0.0" || host === "::";
  const name = isEverywhere ? "localhost" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${openPort}`;
}

function describeListenFailure(
  error: unknown,
  { host, port }: { host: string; port: number },
): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EADDRINUSE") {
    return new LockstepError(
      "PORT_IN_USE",
      `Port ${port} on ${host} is taken (LOCKSTEP_HTTP_PORT).`,
      {
        cause: error,
      },
    );
  }
  if (code === "EACCES") {
    return new LockstepError(
      "CONFIG_INVALID",
      `LOCKSTEP_HTTP_PORT=${port} may not be used by this user.`,
      {
        cause: error,
      },
    );
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new LockstepError(
      "CONFIG_INVALID",
      `LOCKSTEP_HTTP_HOST=${host} is not an address of this machine.`,
      {
        cause: error,
      },
    );
  }
  return error;
}
