import { access } from "node:fs/promises";
import type { LookedFor } from "./found-servers.ts";

/** Where Debian and Ubuntu put it. */
const PATHS = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"].map(
  (folder) => `${folder}/faketime/libfaketimeMT.so.1`,
);

/** The library that gives one process a clock of its own without any privilege. */
export async function findLibfaketime(): Promise<LookedFor> {
  for (const path of PATHS) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    // A library tells no version; its name has that of its interface.
    if (isThere) return { binary: path, version: "1", from: "a package of the system" };
  }
  return {
    missing: "libfaketime is not installed.",
    remedy: "Install it: apt-get install libfaketime.",
  };
}
