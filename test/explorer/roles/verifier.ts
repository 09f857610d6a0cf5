import { isIssue } from "../../../src/verify/classify.ts";
import { complain } from "../past.ts";
import { FIRST_LOOK, type Looking, lookOn } from "./looking.ts";
import type { Role } from "./role.ts";

/** One verification of the key: looking → done. What it names an issue had better be one. */
export type Verifier =
  | { readonly at: "looking"; readonly looking: Looking }
  | { readonly at: "done" };

export function verifier(options: {
  readonly name: string;
  readonly process: number;
}): Role<Verifier> {
  const { name, process } = options;
  return {
    name,
    process,
    initial: { at: "looking", looking: FIRST_LOOK },
    steps(turn) {
      const { me } = turn;
      if (me.at === "done") return;
      lookOn(turn, process, me.looking, (draft, next): Verifier => {
        if ("look" in next) return { at: "looking", looking: next };
        const { copyClass } = next;
        if (isIssue(copyClass) && !draft.past.drift)
          complain(draft, "G8", `false alarm: ${copyClass}`);
        return { at: "done" };
      });
    },
  };
}
