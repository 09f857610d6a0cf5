import { findLibfaketime } from "./find-libfaketime.ts";
import { findMongod } from "./find-mongod.ts";
import { findRedis } from "./find-redis.ts";
import {
  type FoundServers,
  isMissing,
  publishedServers,
  publishServers,
  serverNames,
} from "./found-servers.ts";

/** Looks for the servers once per run: Jest calls this for every project that needs them. */
export default async function globalSetup(): Promise<void> {
  if (publishedServers() !== undefined) return;
  const [redis, mongodb, libfaketime] = await Promise.all([
    findRedis(),
    findMongod(),
    findLibfaketime(),
  ]);
  const servers: FoundServers = { ...redis, mongodb, libfaketime };
  publishServers(servers);
  report(servers);
  insistOnRequired(servers);
}

function report(servers: FoundServers): void {
  for (const name of serverNames) {
    const server = servers[name];
    const line = isMissing(server)
      ? `none. ${server.missing}`
      : `${server.version} at ${server.binary} (${server.from})`;
    process.stderr.write(`${name}: ${line}\n`);
  }
}

/** `LOCKSTEP_TEST_REQUIRE=redis,mongodb` is for CI, where a skipped suite would go unnoticed. */
function insistOnRequired(servers: FoundServers): void {
  const required = (process.env["LOCKSTEP_TEST_REQUIRE"] ?? "").split(",");
  for (const name of serverNames) {
    const server = servers[name];
    const isRequired = required.some((one) => name === one || name.startsWith(`${one}-`));
    if (isRequired && isMissing(server)) {
      throw new Error(`${name} is required and missing. ${server.missing} ${server.remedy}`);
    }
  }
}
