import type { SeededRandom } from "../../support/seeded-random.ts";
import type { ChaosWorld } from "../run/chaos-world.ts";

/** What can be hit. Two faults of one subject never hold at once. */
export type Subject = "server" | "redis" | "store" | "redis link" | "store link";

/** One fault with everything about it decided, so that the same seed does the same again. */
export interface Fault {
  readonly subject: Subject;
  /** For people: "kill server-1 (SIGKILL)". */
  readonly name: string;
  /** While it lasts, some processes use another Redis than the others do. */
  readonly splits?: boolean;
  begin(world: ChaosWorld): Promise<void>;
  /** Mends what `begin` broke. A fault that is over at once has nothing to mend. */
  end?(world: ChaosWorld): Promise<void>;
}

/** What a plan must know of the world before it is opened. */
export interface Shape {
  readonly servers: number;
  readonly keys: number;
}

/** Decides a fault of one kind. */
export type FaultKind = (random: SeededRandom, shape: Shape) => Fault;
