import type { Scenario } from "../scenarios/scenario.ts";
import type { TraceStep } from "../trace.ts";
import { settled } from "./actor.ts";
import { KEY } from "./parts.ts";
import type { ReplayProcess } from "./process.ts";
import { PRIMARY, ReplayServers } from "./servers.ts";
import { Stage } from "./stage.ts";
import { begin } from "./starts.ts";
import { Watcher } from "./watcher.ts";

/** Weakens one process of the production code, or the servers, so that a replay can be seen to fail. */
export type Sabotage = (process: ReplayProcess) => void;

export interface Replayed {
  readonly problems: readonly string[];
  /** The steps that the production code did not take. */
  readonly refused: readonly TraceStep[];
}

/**
 * Takes the production services through the steps of a trace, each role in a process of its own on one simulated Redis
 * and one real SQLite database, and then lets all of them finish. Steps that the production code does not take, because
 * it has the mechanism without which the trace was found, are passed over.
 */
export async function replay(
  steps: readonly TraceStep[],
  scenario: Scenario,
  sabotage: Sabotage = () => undefined,
): Promise<Replayed> {
  const maxmemoryPolicy = scenario.mode === "unpinned" ? "allkeys-lru" : "volatile-lru";
  const servers = await ReplayServers.open(KEY, maxmemoryPolicy);
  const observer = await servers.openProcess(PRIMARY);
  const mayPurge = scenario.purgers !== undefined;
  const watcher = new Watcher(servers, observer, { key: KEY, mayPurge });
  const stage = new Stage({ scenario, steps, watcher }, servers, sabotage);
  await begin(scenario.start ?? "blank", { servers, observer, watcher, stage });
  sabotage(observer);
  if (mayPurge) await stage.lookBeforePurges();
  const refused: TraceStep[] = [];
  for (const step of steps) {
    if (!(await stage.take(step))) refused.push(step);
    servers.letGoOn();
    await settled();
    await watcher.look();
  }
  await stage.finish();
  return { problems: watcher.problems, refused };
}
