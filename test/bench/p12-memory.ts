import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { waitUntil } from "../support/wait-until.ts";
import type { Bench } from "./bench-options.ts";
import { inTemporaryFolder } from "./in-temporary-folder.ts";
import { startBareNode, startLockstep, startSdkOnly } from "./programs.ts";
import { alternate } from "./rounds.ts";
import type { StdioProcess } from "./stdio-process.ts";

/** Memory counts as settled when it has changed by no more than this for so many looks, a tenth of a second apart. */
const SAME_MB = 0.5;
const SAME_LOOKS = 10;

/**
 * Resident memory of the embedded server at rest: after a first write was answered, once it no longer changes. The
 * ceilings are a Node that does nothing, and a server on the same SDK that only echoes.
 */
export const measureMemory: Bench = (options) =>
  inTemporaryFolder(async (folder) => {
    options.say("P12 memory at rest");
    const env = { LOCKSTEP_SQLITE_FILE: join(folder, "store.db") };
    const looks = options.small ? 1 : SAME_LOOKS;
    const { lockstep, sdk, node } = await alternate(options, {
      node: () => restingMb(startBareNode(), looks),
      sdk: async () => {
        const server = startSdkOnly();
        await server.initialize();
        await server.call("echo", { text: "x" });
        return restingMb(server, looks);
      },
      lockstep: async () => {
        const server = startLockstep(env);
        await server.initialize();
        await server.call("kv_set", { key: "bench:memory", value: "x" });
        return restingMb(server, looks);
      },
    });
    return [
      {
        metric: "P12",
        what: "resident memory at rest, embedded",
        unit: "MB",
        better: "lower",
        measured: lockstep,
        ceilings: [
          { what: "SDK-only server", measured: sdk },
          { what: "bare node", measured: node },
        ],
        floor: { value: 120 },
        target: { value: 80 },
      },
    ];
  });

/** Waits for the memory to settle, and ends the process. */
async function restingMb(server: StdioProcess, looks: number): Promise<number> {
  try {
    let before = 0;
    let same = 0;
    return await waitUntil(
      async () => {
        const now = await residentMb(server.pid);
        same = Math.abs(now - before) <= SAME_MB ? same + 1 : 0;
        before = now;
        return same >= looks && now;
      },
      { everyMs: 100, withinMs: 30_000, what: "the memory to settle" },
    );
  } finally {
    await server.close();
  }
}

async function residentMb(pid: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(stdout) / 1024;
}
