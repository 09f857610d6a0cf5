import { arch, availableParallelism, platform } from "node:os";
import { isMissing, publishedServers } from "../support/servers/found-servers.ts";

/** What the figures were made on, in general terms: no names, no paths. */
export interface Machine {
  readonly system: string;
  readonly cores: number;
  readonly node: string;
  readonly redis: string;
  readonly mongodb: string;
}

export function describeMachine(): Machine {
  return {
    system: `${platform()} ${arch()}`,
    cores: availableParallelism(),
    node: process.version,
    redis: versionOf("redis"),
    mongodb: versionOf("mongodb"),
  };
}

function versionOf(name: "redis" | "mongodb"): string {
  const server = publishedServers()?.[name];
  return server === undefined || isMissing(server) ? "none" : server.version;
}
