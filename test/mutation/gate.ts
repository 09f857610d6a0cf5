import type { Mutant } from "./mutant.ts";
import { runKillers } from "./run-killers.ts";
import { WorkTree } from "./work-tree.ts";

export interface Verdict {
  readonly name: string;
  /** invalid: nothing can be said, because snippet or killer no longer say what they should. */
  readonly fate: "killed" | "survived" | "invalid";
  readonly detail: string;
}

/** A killer mostly waits for its servers or for Jest to start, so that two are faster also on two cores. */
const AT_ONCE = 2;

/**
 * Whether each mutant is noticed by its killer. First all killers are run on the code as it is, where they must pass: one that
 * fails anyway, or names no test, would kill everything or nothing.
 */
export async function judgeMutants(
  root: string,
  mutants: readonly Mutant[],
  onVerdict: (verdict: Verdict) => void = () => undefined,
): Promise<readonly Verdict[]> {
  const trees = Array.from({ length: AT_ONCE }, () => new WorkTree(root));
  const verdicts = new Map<Mutant, Verdict>();
  const tell = (mutant: Mutant, fate: Verdict["fate"], detail: string) => {
    const verdict = { name: mutant.name, fate, detail };
    verdicts.set(mutant, verdict);
    onVerdict(verdict);
  };
  try {
    const [first] = trees as [WorkTree];
    const sound: Mutant[] = [];
    for (const [mutant, problem] of await problemsOf(first, mutants)) {
      if (problem === undefined) sound.push(mutant);
      else tell(mutant, "invalid", problem);
    }
    const waiting = [...sound];
    await Promise.all(
      trees.map(async (tree) => {
        for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
          tell(mutant, ...(await fateOf(tree, mutant)));
        }
      }),
    );
    return mutants.map((mutant) => verdicts.get(mutant) as Verdict);
  } finally {
    for (const tree of trees) tree.remove();
  }
}

/** What is wrong with a mutant before it is tried; undefined where nothing is. */
async function problemsOf(
  tree: WorkTree,
  mutants: readonly Mutant[],
): Promise<readonly (readonly [Mutant, string | undefined])[]> {
  const tallies = await runKillers(
    tree.path,
    mutants.map(({ killer }) => killer),
  );
  return mutants.map((mutant, index) => {
    try {
      tree.apply(mutant)();
    } catch (error) {
      return [mutant, String(error)] as const;
    }
    const { passed = 0, failed = 0 } = tallies[index] ?? {};
    const named = `"${mutant.killer.test}" in ${mutant.killer.file}`;
    if (failed > 0) return [mutant, `${named} fails on the code as it is.`] as const;
    if (passed === 0)
      return [mutant, `${named} was not run: there is no such test, or it was skipped.`] as const;
    return [mutant, undefined] as const;
  });
}

async function fateOf(tree: WorkTree, mutant: Mutant): Promise<readonly [Verdict["fate"], string]> {
  const mend = tree.apply(mutant);
  try {
    const [tally] = await runKillers(tree.path, [mutant.killer]);
    if (tally === undefined || tally.failed === 0) return ["survived", mutant.why];
    return ["killed", mutant.killer.file];
  } catch (error) {
    return ["invalid", String(error)];
  } finally {
    mend();
  }
}
