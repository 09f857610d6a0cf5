import type { Role } from "./role.ts";

/** Store first: copies are evicted, processes die with theirs, and time passes. */
export type StoreFirstEnvironment = { readonly at: "environment" };

const HERE = { at: "environment" } as const;

export function storeFirstEnvironment(): Role<StoreFirstEnvironment> {
  return {
    name: "environment",
    process: 0,
    initial: HERE,
    steps(turn) {
      const { world } = turn;
      world.copies.forEach((copy, process) => {
        if (copy === null) return;
        turn.chance(`p${process} evicts its copy`, "evict", (draft) => {
          draft.copies[process] = null;
          return HERE;
        });
      });
      if (world.now === 2) return;
      turn.chance("tick", "tick", (draft) => {
        draft.now += 1;
        return HERE;
      });
    },
  };
}
