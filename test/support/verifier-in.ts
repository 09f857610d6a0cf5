import { CacheVerifier } from "../../src/verify/cache-verifier.ts";
import type { CacheFirstWorld } from "./cache-first-world.ts";

/** The verifier of a process that has just been started. */
export function verifierIn({
  ports,
  looker,
  backlog,
  clock,
  random,
}: Pick<CacheFirstWorld, "ports" | "looker" | "backlog" | "clock" | "random">): CacheVerifier {
  return new CacheVerifier({ ...ports, looker, backlog, clock, random, staleAfterHours: 24 });
}
