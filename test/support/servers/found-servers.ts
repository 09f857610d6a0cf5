/**
 * Servers a test may need. `redis` is any version; `redis-6.2` is the oldest one supported. `libfaketime` is what runs
 * one with a clock of its own.
 */
export const serverNames = ["redis", "redis-6.2", "mongodb", "libfaketime"] as const;
export type ServerName = (typeof serverNames)[number];

/** A program that was run once and told its version. */
export interface FoundServer {
  readonly binary: string;
  readonly version: string;
  /** Where it came from, for people: "on the PATH". */
  readonly from: string;
}

export interface MissingServer {
  /** What was tried and why it failed. */
  readonly missing: string;
  /** What a person can do about it. */
  readonly remedy: string;
}

export type LookedFor = FoundServer | MissingServer;
export type FoundServers = Readonly<Record<ServerName, LookedFor>>;

const variable = "LOCKSTEP_TEST_SERVERS";

/** Jest's workers and the processes they start inherit what the global setup has found. */
export function publishServers(servers: FoundServers): void {
  process.env[variable] = JSON.stringify(servers);
}

export function publishedServers(): FoundServers | undefined {
  const json = process.env[variable];
  return json === undefined ? undefined : (JSON.parse(json) as FoundServers);
}

export function isMissing(server: LookedFor): server is MissingServer {
  return "missing" in server;
}

/** The named server as the global setup found it; throws with the remedy where there is none. */
export function requireServer(name: ServerName): FoundServer {
  const server = publishedServers()?.[name];
  if (server === undefined) {
    throw new Error(
      "Servers are looked for by test/support/servers/global-setup.ts; run it first.",
    );
  }
  if (isMissing(server)) throw new Error(`No ${name}: ${server.missing} ${server.remedy}`);
  return server;
}
