/**
 * Another program's hand on one side: a connection of its own that knows nothing of the server. It changes values behind
 * the server's back, and in the end takes away what the demonstration has left.
 */
export interface OutsideHand {
  /** How many of these keys stand there now. */
  countStanding(keys: readonly string[]): Promise<number>;
  /** To be called right before the server starts: notes what is there, so that {@link remove} leaves it there. */
  begin(): Promise<void>;
  /** Changes the value of a key that stands there, and nothing else. */
  overwrite(key: string, value: string): Promise<void>;
  /** Removes these keys and what the server has made for them; what the demonstration found there stays. */
  remove(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}
