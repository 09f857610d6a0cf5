import { byEither, byEvent, deletion, setA, setB, setC } from "./calls.ts";
import type { Scenario } from "./scenario.ts";

/** SQLite decides, and each of two processes keeps a copy. */
export const STORE_FIRST: readonly Scenario[] = [
  {
    name: "store first",
    mode: "store_first",
    calls: [setA, setB, deletion],
    readers: 2,
    mishaps: { evict: 1, crash: 1 },
    larger: { calls: [setA, setB, setC, deletion], mishaps: { evict: 2, crash: 2 } },
  },
  {
    name: "store first, events",
    mode: "store_first",
    calls: [byEvent(setA), byEither(setB), deletion],
    readers: 2,
    projectors: 1,
    mishaps: { evict: 1 },
    larger: { projectors: 2, mishaps: { evict: 2, crash: 2 } },
  },
  {
    name: "store first, expiry",
    mode: "store_first",
    calls: [{ ...setA, expires: true }, byEither(setB)],
    readers: 2,
    projectors: 1,
    mishaps: { tick: 1 },
    larger: { mishaps: { tick: 1, evict: 2, crash: 1 } },
  },
  {
    name: "store first, verification",
    mode: "store_first",
    calls: [setA, byEither(deletion)],
    readers: 2,
    projectors: 1,
    verifiers: 1,
    mishaps: { evict: 1 },
    larger: {
      calls: [setA, byEither(setB), deletion],
      verifiers: 2,
      mishaps: { evict: 2, crash: 2 },
    },
  },
  {
    name: "store first, purge",
    mode: "store_first",
    calls: [byEvent(setA), deletion, setC],
    readers: 2,
    projectors: 1,
    purgers: 1,
    mishaps: { tick: 1 },
    larger: { projectors: 2, mishaps: { tick: 2, crash: 1 } },
  },
];
