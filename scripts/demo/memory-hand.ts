import type { MemoryCache } from "../../src/cache/drivers/memory/memory-cache.ts";
import type { OutsideHand } from "./outside-hand.ts";

/** The cache inside this process can be reached from nowhere else, and goes with it. */
export function memoryHand(cache: MemoryCache): OutsideHand {
  return {
    async countStanding() {
      return 0;
    },
    async begin() {},
    async overwrite(key, value) {
      if (cache.overwriteText(key, value) === "absent") throw new Error(`${key} is not cached.`);
    },
    async remove() {},
    async close() {},
  };
}
