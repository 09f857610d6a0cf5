import type { Version } from "../../../src/model/version.ts";
import type { Machine } from "../machine.ts";
import type { SimulatedStore } from "../simulated-lockstep.ts";

/** How a process on the machine reaches a port: through the network, or through the faults of its own machine. */
export type Reach = <Port extends object>(port: Port) => Port;

/** A store that decides for several simulated processes, as the simulation sees it past all of them. */
export interface SharedStore {
  /** The ports of a new process. */
  connect(machine: Machine, reach: Reach): SimulatedStore;
  /** By key what its row says. */
  rows(): ReadonlyMap<string, { readonly version: Version; readonly value: string | null }>;
  /** What waits to be applied. */
  unprocessed(): readonly { readonly key: string; readonly version: Version }[];
  /** From now on it takes no writes (SQLite: another process holds the lock; MongoDB: it is down). */
  takeDown(): void;
  bringBack(): void;
  close(): void;
}
