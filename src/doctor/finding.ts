/** One thing that was looked at. */
export interface Finding {
  /** What was looked at, in a few words. */
  readonly check: string;
  /**
   * warning: it works, and less is promised or known than could be. problem: it does not work, or will not for long.
   */
  readonly state: "ok" | "warning" | "problem";
  /** What was seen, and what that means. One or two sentences. */
  readonly says: string;
  /** What to do about it. */
  readonly hint?: string;
}

export function ok(check: string, says: string): Finding {
  return { check, state: "ok", says };
}

export function warning(check: string, says: string, hint: string): Finding {
  return { check, state: "warning", says, hint };
}

export function problem(check: string, says: string, hint: string): Finding {
  return { check, state: "problem", says, hint };
}

/** The worst of them; of none, ok. */
export function worstOf(findings: readonly Pick<Finding, "state">[]): Finding["state"] {
  for (const state of ["problem", "warning"] as const) {
    if (findings.some((finding) => finding.state === state)) return state;
  }
  return "ok";
}
