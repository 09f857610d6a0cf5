/** A promise that a run has broken. */
export interface Violation {
  /** undefined: it is not of one key. */
  readonly key: string | undefined;
  readonly what: string;
}
