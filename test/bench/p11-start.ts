import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startMongo } from "../support/servers/start-mongo.ts";
import { startRedis } from "../support/servers/start-redis.ts";
import type { Bench } from "./bench-options.ts";
import type { Figure } from "./figure.ts";
import { inTemporaryFolder } from "./in-temporary-folder.ts";
import { startLockstep, startSdkOnly } from "./programs.ts";
import { alternate } from "./rounds.ts";
import type { StdioProcess } from "./stdio-process.ts";

/**
 * From the start of the process to the answer of its first tool call, over stdio: for us a `kv_set`, which is answered
 * when the store has it. The ceilings are a Node that does nothing, and a server on the same SDK that only echoes.
 */
export const measureStart: Bench = (options) =>
  inTemporaryFolder(async (folder) => {
    options.say("P11 start to first answer");
    const redis = await startRedis();
    const mongo = await startMongo();
    try {
      const servers = { REDIS_URL: redis.url, MONGODB_URI: mongo.uriOf("start") };
      const file = join(folder, "store.db");
      const spreads = await alternate(options, {
        node: timeOfBareNode,
        sdk: () => timeToAnswer(startSdkOnly, "echo", { text: "x" }),
        embedded: () => timeToWrite({ LOCKSTEP_SQLITE_FILE: file }),
        servers: () => timeToWrite(servers),
      });
      const ceilings = [
        { what: "SDK-only server", measured: spreads.sdk },
        { what: "node -e 0", measured: spreads.node },
      ];
      const common = { metric: "P11", unit: "ms", better: "lower", ceilings } as const;
      return [
        {
          ...common,
          what: "start to first answer, embedded",
          measured: spreads.embedded,
          floor: { value: 1000 },
          target: { value: 300 },
        },
        {
          ...common,
          what: "start to first answer, Redis + MongoDB",
          measured: spreads.servers,
          floor: { value: 2000 },
          target: { value: 600 },
        },
      ] satisfies Figure[];
    } finally {
      await mongo.close();
      await redis.close();
    }
  });

function timeToWrite(env: Readonly<Record<string, string>>): Promise<number> {
  return timeToAnswer(() => startLockstep(env), "kv_set", { key: "bench:start", value: "x" });
}

async function timeToAnswer(
  start: () => StdioProcess,
  tool: string,
  args: object,
): Promise<number> {
  const startedMs = performance.now();
  const server = start();
  try {
    await server.initialize();
    await server.call(tool, args);
    return performance.now() - startedMs;
  } finally {
    await server.close();
  }
}

async function timeOfBareNode(): Promise<number> {
  const startedMs = performance.now();
  const [code] = (await once(spawn(process.execPath, ["-e", "0"]), "exit")) as [number | null];
  if (code !== 0) throw new Error(`node -e 0 ended with ${code}.`);
  return performance.now() - startedMs;
}
