/** One rule of the design, taken out of the code by one small replacement, and the test that must notice it. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Must stand in the file exactly once. */
  readonly original: string;
  readonly replacement: string;
  /** What goes wrong without the rule, in one sentence. */
  readonly why: string;
  readonly killer: Killer;
}

export interface Killer {
  readonly project: "unit" | "contract" | "integration";
  readonly file: string;
  /** A part of the test's full name (its describes, then its title), or of several tests'. */
  readonly test: string;
}
