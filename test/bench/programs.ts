import { fileURLToPath } from "node:url";
import { StdioProcess } from "./stdio-process.ts";

// The compiled benchmark starts compiled programs, and one that Node runs as it is starts the sources.
const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
export const programAt = (path: string) =>
  fileURLToPath(new URL(`${path}.${extension}`, import.meta.url));

/** Our server as a client starts it. Its log level leaves out what nobody reads here. */
export function startLockstep(env: Readonly<Record<string, string>>): StdioProcess {
  return new StdioProcess([programAt("../../src/main")], { LOCKSTEP_LOG_LEVEL: "warn", ...env });
}

export function startSdkOnly(): StdioProcess {
  return new StdioProcess([programAt("./sdk-only-server")]);
}

/** Node with nothing to do but to wait for the end of its stdin. */
export function startBareNode(): StdioProcess {
  return new StdioProcess(["--eval", "process.stdin.resume()"]);
}
