import type { CopyClass } from "../../../src/verify/classify.ts";
import type { FaultKind } from "../faults/fault.ts";
import type { KeyKind } from "./evictions.ts";

/** A set of servers with a set of faults, and what they must stand. */
export interface Family {
  readonly name: string;
  readonly backends: {
    readonly redis: "system" | "6.2";
    /** Added to the command line of Redis. */
    readonly redisArgs?: readonly string[];
    /** A second Redis, a replica of the first. */
    readonly replica?: boolean;
    /** Members of the replica set; 0 = standalone. */
    readonly mongo: 0 | 1 | 3;
  };
  readonly servers: number;
  readonly keys: number;
  /** Redis and the server processes run with a clock that faults can set. */
  readonly steppedClock?: boolean;
  /** Weight of each value, bytes. */
  readonly valueBytes?: number;
  readonly faults: readonly FaultKind[];
  readonly promises: Promises;
  /** Kinds of keys that a run must have seen evicted, or else it has shown nothing. */
  readonly mustEvict?: readonly KeyKind[];
}

/** What holds in a family beyond what always does: writes in shadow and outbox survive, and all converges. */
export interface Promises {
  /** Redis keeps what it had: writes in the journal survive too, and a repetition is always recognised. */
  readonly redisKeepsData: boolean;
  /**
   * strict: every key is one register. withoutUntold: a read may have shown a write whose caller was never told that it
   * stands. none: not after a rollback.
   */
  readonly linearizable: "strict" | "withoutUntold" | "none";
  /** Classes that verification may find while the faults go on. */
  readonly findings: readonly CopyClass[];
  /** Those of them that nothing but a repair ends. */
  readonly leftForRepair?: readonly CopyClass[];
}
