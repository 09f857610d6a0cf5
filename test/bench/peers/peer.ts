/** The servers that all peers share: each gets a database that nobody has used. */
export interface Place {
  readonly redisUrl: string;
  readonly mongoUri: string;
}

/** One way to keep values in Redis and MongoDB, as one process has it open. A call that resolves tells its caller: done. */
export interface Peer {
  set(key: string, value: string): Promise<unknown>;
  delete(key: string): Promise<unknown>;
  /** Reads from the cache, and fills it from the store after a miss. */
  get(key: string): Promise<unknown>;
  /** Resolves when all that this process was asked to write has reached the store. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

/** The two copies of one key, whoever has written them. */
export interface Copies {
  readonly key: string;
  readonly cached: string | undefined;
  readonly stored: string | undefined;
}

export interface PeerKind {
  /** For the table. */
  readonly name: string;
  open(place: Place): Promise<Peer>;
  /** Both copies of each key as they lie there, past everything that would mend them on the way. */
  look(place: Place, keys: readonly string[]): Promise<readonly Copies[]>;
  /** Writes that a round of the speed test can wait for, where the usual number would take minutes. */
  readonly roundWrites?: number;
}
