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
  /** How long a call waits for the store, milliseconds; short where nothing else is said, so that small runs meet what comes after. */
  readonly syncTimeoutMs?: number;
  /** Weight of each value, bytes. */
  readonly valueBytes?: number;
  readonly faults: readonly FaultKind[];
  readonly promises: Promises;
  /** Kinds of keys that a run must have seen evicted, or else it has shown nothing. */
  readonly mustEvict?: readonly KeyKind[];
}

/** What holds in a family beyond what always does: writes in shadow and outbox survive, reads know of them, and all converges. */
export interface Promises {
  /**
   * Redis keeps what it had: writes in the journal survive too, a repetition is always recognised, and every key is one
   * register.
   */
  readonly redisKeepsData: boolean;
  /** Redis evicts what it likes: a read may have shown a write whose caller was never told that it stands. */
  readonly mayShowUntold: boolean;
  /** Classes that verification may find while the faults go on. */
  readonly findings: readonly CopyClass[];
  /** Those of them that nothing but a repair ends. */
  readonly leftForRepair?: readonly CopyClass[];
}
