import type { CacheHarness } from "../cache-contract.ts";
import type { CacheAuthorityHarness } from "./harness.ts";

/** An authority as the claims about any cache see it. */
export function asCacheHarness(
  { cache, raw, close }: CacheAuthorityHarness,
  time: Pick<CacheHarness, "nowMs" | "elapse">,
): CacheHarness {
  return {
    ...time,
    cache,
    write: async (command) => {
      const written = await cache.write(command);
      if (written.outcome !== "written") throw new Error("An unguarded write was refused.");
      return written.entry;
    },
    synced: async (entry) => {
      await cache.acknowledge([entry]);
    },
    changeOutside: (key, text) => raw.set(key, text),
    close,
  };
}
