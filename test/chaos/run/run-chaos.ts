import { SeededRandom } from "../../support/seeded-random.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { checkAnswers } from "../judge/check-answers.ts";
import { checkFinal, lostFromJournal } from "../judge/check-final.ts";
import { checkLinearizable } from "../judge/check-register.ts";
import { checkSurvivors, type Split } from "../judge/check-survivors.ts";
import { checkVersions } from "../judge/check-versions.ts";
import type { Violation } from "../judge/violation.ts";
import { withoutUntold } from "../judge/without-untold.ts";
import { ChaosWorld } from "./chaos-world.ts";
import type { Family } from "./family.ts";
import { Load } from "./load.ts";
import type { RecordedCall } from "./recorded-call.ts";
import { planSchedule, type Step } from "./schedule.ts";
import type { ServerProcess } from "./server-process.ts";
import { type Alarm, alarmsOf, VerificationWatch } from "./verification-watch.ts";

export interface RunOptions {
  readonly family: Family;
  readonly seed: number;
  readonly steps: number;
  readonly clients: number;
  /** How long a fault may hold while no calls end, milliseconds. */
  readonly holdLimitMs: number;
  /** Hears what is happening, for people who wait. */
  readonly say?: (text: string) => void;
}

export interface RunResult {
  readonly family: Family;
  readonly seed: number;
  readonly schedule: readonly Step[];
  readonly history: readonly RecordedCall[];
  readonly violations: readonly Violation[];
  readonly verifications: number;
  /** Where logs and files are, after a failed run. */
  readonly folder: string | undefined;
}

interface RecoveryAnswer {
  readonly lostWrites: number;
  readonly lost: readonly { readonly key: string; readonly version: string }[];
}

/** Each process looks at its link to Redis, and at the store's epochs, every 5 s. */
const TOLD_WITHIN_MS = 15_000;

/** Events that a killed process had claimed are free again after ten seconds. */
const CONVERGE_WITHIN_MS = 60_000;

/** Opens a world, breaks it by plan under load, mends it, and says which promises did not hold. */
export async function runChaos(options: RunOptions): Promise<RunResult> {
  const { family, seed, steps } = options;
  const schedule = planSchedule(family, seed, steps);
  const world = await ChaosWorld.open(family, seed);
  const run = new ChaosRun(world, schedule, options);
  let hasFailed = true;
  try {
    const violations = await run.violations();
    hasFailed = violations.length > 0;
    const { history, verifications } = run;
    const folder = hasFailed ? await world.keepLogs(history) : undefined;
    return { family, seed, schedule, history, violations, verifications, folder };
  } finally {
    await world.close({ keepFolder: hasFailed });
  }
}

class ChaosRun {
  readonly #world: ChaosWorld;
  readonly #schedule: readonly Step[];
  readonly #options: RunOptions;
  readonly #load: Load;
  readonly #watch: VerificationWatch;
  readonly #keys: readonly string[];
  readonly #splits: Split[] = [];

  constructor(world: ChaosWorld, schedule: readonly Step[], options: RunOptions) {
    const { family, seed, clients } = options;
    this.#world = world;
    this.#schedule = schedule;
    this.#options = options;
    this.#keys = Array.from({ length: family.keys }, (_, at) => `key:${at}`);
    const padding = family.valueBytes === undefined ? "" : ` ${"x".repeat(family.valueBytes)}`;
    this.#load = new Load({ seed, servers: world.servers, keys: this.#keys, clients, padding });
    this.#watch = new VerificationWatch(world.servers);
  }

  get history(): readonly RecordedCall[] {
    return this.#load.history;
  }

  get verifications(): number {
    return this.#watch.passes;
  }

  async violations(): Promise<readonly Violation[]> {
    try {
      await this.#breakAndMend();
      const broken = [
        ...this.#judgeHistory(),
        ...this.#judgeAlarms(),
        ...this.#judgeEvictions(),
        ...(await this.#judgeEnd()),
      ];
      // What is lost now would only be covered up by newer writes.
      return broken.length > 0 ? broken : await this.#judgeNewWrites();
    } catch (error) {
      return [
        {
          key: undefined,
          what: error instanceof Error ? (error.stack ?? error.message) : String(error),
        },
      ];
    }
  }

  async #breakAndMend(): Promise<void> {
    const { holdLimitMs, say = () => undefined } = this.#options;
    this.#load.start();
    this.#watch.start();
    try {
      for (const { faults, calmCalls, holdCalls } of this.#schedule) {
        await this.#load.afterCalls(calmCalls, holdLimitMs);
        const fromMs = performance.now();
        for (const fault of faults) {
          say(fault.name);
          await fault.begin(this.#world);
          await this.#load.afterCalls(holdCalls, holdLimitMs);
        }
        for (const fault of faults.toReversed()) await fault.end?.(this.#world);
        if (faults.some(({ splits = false }) => splits)) {
          this.#splits.push({ fromMs, untilMs: performance.now() + TOLD_WITHIN_MS });
        }
      }
      say("mend everything");
      await this.#world.heal();
      await this.#load.afterCalls(50, holdLimitMs);
    } finally {
      await Promise.all([this.#load.end(), this.#watch.end()]);
    }
    await this.#converge();
    await this.#repair();
  }

  /** What is known to be left for it, so that the rest can be judged strictly. */
  async #repair(): Promise<void> {
    const { leftForRepair = [] } = this.#options.family.promises;
    if (leftForRepair.length === 0) return;
    const [server] = this.#world.servers as readonly [ServerProcess];
    const report = await waitUntil(() => this.#watch.pass(server), { what: "a verification" });
    const left = alarmsOf(server.name, report).filter((one) =>
      leftForRepair.includes(one.copyClass),
    );
    for (const key of left.flatMap(({ keys }) => keys)) {
      await waitUntil(
        async () => (await server.call("force_sync_repair", { key })).kind === "answer",
        { what: `the repair of ${key}` },
      );
    }
  }

  /** Every process takes writes again, and nothing waits for the shadow any more. */
  async #converge(): Promise<void> {
    for (const server of this.#world.servers) await this.#write(server, "ready", server.name);
    await waitUntil(
      async () => {
        const { markers, events } = await this.#world.backlog();
        if (markers + events > 0)
          throw new Error(`${markers} markers and ${events} events are left`);
        return true;
      },
      { withinMs: CONVERGE_WITHIN_MS, what: "journal and outbox to drain" },
    );
  }

  #judgeHistory(): readonly Violation[] {
    const { mayShowUntold, redisKeepsData } = this.#options.family.promises;
    const history = this.history;
    const mayShowRefused = mayShowUntold;
    const always = [
      ...checkAnswers(history, { redisKeepsData, mayShowRefused }),
      ...checkSurvivors(history, { mayShowRefused, splits: this.#splits }),
    ];
    if (!redisKeepsData) return always;
    const judged = mayShowUntold ? withoutUntold(history) : history;
    return [...always, ...checkVersions(judged), ...checkLinearizable(judged)];
  }

  #judgeAlarms(): readonly Violation[] {
    const { findings } = this.#options.family.promises;
    return this.#watch.alarms
      .filter(({ copyClass }) => !findings.includes(copyClass))
      .map(violationOf);
  }

  #judgeEvictions(): readonly Violation[] {
    const { evicted } = this.#world;
    return (this.#options.family.mustEvict ?? [])
      .filter((kind) => !evicted.has(kind))
      .map((kind) => ({ key: undefined, what: `Redis evicted no ${kind}, so nothing is shown` }));
  }

  async #judgeEnd(): Promise<readonly Violation[]> {
    const { promises } = this.#options.family;
    const rows = await this.#world.rows();
    const broken = [
      ...checkFinal(this.history, rows, promises),
      ...(await this.#unreportedLosses()),
    ];
    for (const server of this.#world.servers) {
      for (const key of this.#keys) {
        const row = rows.get(key);
        const outcome = await this.#load.get(server, key);
        const expected = row?.value ?? null;
        if (outcome.kind === "read" && outcome.value === expected) continue;
        const what = `at the end ${server.name} answers ${JSON.stringify(outcome).slice(0, 200)}, and the row has ${expected?.slice(0, 40)}`;
        broken.push({ key, what });
      }
      broken.push(...(await this.#finalAlarms(server)));
    }
    return broken;
  }

  /** What Redis lost, and the process that had acknowledged it lives and does not tell. */
  async #unreportedLosses(): Promise<readonly Violation[]> {
    const { servers } = this.#world;
    const unreported: Violation[] = [];
    for (const { id, key, server: name, beganMs, outcome } of lostFromJournal(
      this.history,
      await this.#world.rows(),
    )) {
      const server = servers.find((one) => one.name === name);
      if (outcome.kind !== "written" || server === undefined || server.startedAtMs > beganMs)
        continue;
      if (await this.#isTold(server, key, outcome.version)) continue;
      unreported.push({
        key,
        what: `${name} does not tell that #${id} (${outcome.version}) is lost`,
      });
    }
    return unreported;
  }

  /** A process that has not recovered the bucket itself looks at what it has acknowledged once it hears of the new epoch. */
  async #isTold(server: ServerProcess, key: string, version: string): Promise<boolean> {
    try {
      return await waitUntil(
        async () => {
          const { lostWrites, lost } = await this.#recoveryOf(server);
          // Only the latest are told by key.
          const isCut = lostWrites > lost.length;
          return isCut || lost.some((one) => one.key === key && one.version === version);
        },
        { withinMs: TOLD_WITHIN_MS, what: "the loss to be told" },
      );
    } catch {
      return false;
    }
  }

  async #recoveryOf(server: ServerProcess): Promise<RecoveryAnswer> {
    return waitUntil(
      async () => {
        const answer = await server.call("hybrid_sync_stats");
        return answer.kind === "answer" && (answer.content["recovery"] as RecoveryAnswer);
      },
      { what: "the statistics" },
    );
  }

  async #finalAlarms(server: ServerProcess): Promise<readonly Violation[]> {
    const report = await waitUntil(() => this.#watch.pass(server), { what: "a verification" });
    return alarmsOf(server.name, report).map(violationOf);
  }

  /** Writes after all of it win over all before, through every process, in the store too. */
  async #judgeNewWrites(): Promise<readonly Violation[]> {
    const { servers } = this.#world;
    const random = new SeededRandom(this.#options.seed);
    const written = new Map<string, string>();
    for (const key of this.#keys) {
      written.set(key, await this.#write(random.pick(servers), key, `new.${key}`));
    }
    const broken: Violation[] = [];
    for (const server of servers) {
      for (const [key, value] of written) {
        const outcome = await this.#load.get(server, key);
        if (outcome.kind === "read" && outcome.value === value) continue;
        const what = `after the new write ${server.name} answers ${JSON.stringify(outcome).slice(0, 200)}`;
        broken.push({ key, what });
      }
    }
    await this.#converge();
    const stored = await this.#world.rows();
    for (const [key, value] of written) {
      if (stored.get(key)?.value === value) continue;
      broken.push({ key, what: `after the new write the row has ${stored.get(key)?.value}` });
    }
    for (const server of servers) broken.push(...(await this.#finalAlarms(server)));
    return broken;
  }

  /** Tries until it is told that the write stands; answers the value, which each attempt has for itself. */
  #write(server: ServerProcess, key: string, name: string): Promise<string> {
    return waitUntil(
      async () => {
        const value = `${name}.${this.history.length}`;
        const outcome = await this.#load.set(server, key, value);
        if (outcome.kind === "written") return value;
        throw new Error(JSON.stringify(outcome));
      },
      { withinMs: CONVERGE_WITHIN_MS, what: `${server.name} to take a write` },
    );
  }
}

function violationOf({ server, copyClass, count, keys }: Alarm): Violation {
  return { key: keys[0], what: `${server} found ${count} ${copyClass}: ${keys.join(", ")}` };
}
