import { inspect, isDeepStrictEqual } from "node:util";
import { SeededRandom } from "../support/seeded-random.ts";
import { shrinkSteps } from "./shrink-steps.ts";

/** One implementation, driven by plans of steps that say nothing of clocks, versions or ids. */
export interface Subject<Step> {
  readonly name: string;
  /** Makes the step and answers what was told and what is to be seen afterwards, in words that are the same everywhere. */
  take(step: Step): Promise<unknown>;
  close(): Promise<void>;
}

export interface Stream<Step> {
  /** How the subjects are to be set up. */
  readonly setting: string;
  readonly steps: readonly Step[];
}

export interface Comparison<Step> {
  readonly plan: (random: SeededRandom) => Stream<Step>;
  /** New and empty ones; the first is what the others are held against. */
  readonly open: (setting: string, seed: number) => Promise<readonly Subject<Step>[]>;
  /** A difference in a stream that took longer than this proves nothing, since something may have run out by itself meanwhile. */
  readonly withinMs?: number;
}

const ATTEMPTS_MAX = 5;

/** How many seeds a comparison runs, one stream each: few by default, for every run of the tests; `npm run differential` sets more. */
export function seedsOr(few: number): number {
  return Number(process.env["LOCKSTEP_DIFFERENTIAL_SEEDS"] ?? few);
}

/** How long streams are whose length can be chosen: short by default, `npm run differential -- --steps` sets more. */
export function stepsOr(few: number): number {
  return Number(process.env["LOCKSTEP_DIFFERENTIAL_STEPS"] ?? few);
}

/** Runs the streams of that many seeds in a row. Fails with the first difference. */
export async function compareStreams<Step>(
  seeds: number,
  comparison: Comparison<Step>,
): Promise<void> {
  const first = Number(process.env["LOCKSTEP_TEST_SEED"] ?? 1);
  for (let seed = first; seed < first + seeds; seed += 1) {
    const difference = await compareStream(seed, comparison);
    if (difference !== undefined) throw new Error(difference);
  }
}

/** What differs in the stream of this seed, in words for people; undefined where nothing does. */
export async function compareStream<Step>(
  seed: number,
  { plan, open, withinMs = Number.POSITIVE_INFINITY }: Comparison<Step>,
): Promise<string | undefined> {
  const stream = plan(new SeededRandom(seed));
  const compare = async (steps: readonly Step[]) => {
    const subjects = await open(stream.setting, seed);
    const beganMs = performance.now();
    try {
      const difference = await firstDifference(steps, subjects);
      return { difference, isTimely: performance.now() - beganMs <= withinMs };
    } finally {
      for (const subject of subjects) await subject.close();
    }
  };
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const { difference, isTimely } = await compare(stream.steps).catch((cause: unknown) => {
      throw new Error(howToRepeat(seed, stream), { cause });
    });
    if (difference === undefined) return undefined;
    if (!isTimely) continue;
    const told = [difference.words, howToRepeat(seed, stream)];
    if (process.env["LOCKSTEP_DIFFERENTIAL_SHRINK"] === "1") {
      const differs = async (steps: readonly Step[]) => {
        const other = (await compare(steps)).difference;
        return other !== undefined && isAlike(other, difference);
      };
      const fewer = await shrinkSteps(stream.steps.slice(0, difference.index + 1), differs);
      const again = (await compare(fewer)).difference?.words ?? "It does not differ each time.";
      told.push(`These ${fewer.length} steps are enough: ${show(fewer)}`, again);
    }
    return told.join("\n\n");
  }
  throw new Error(
    `This machine is too busy: the stream of seed ${seed} never ended within ${withinMs} ms.`,
  );
}

interface Difference {
  readonly step: unknown;
  readonly index: number;
  /** Whose answer is another one. */
  readonly name: string;
  readonly words: string;
}

/** A shorter stream may well differ in something else, which is not what was asked for. */
function isAlike(one: Difference, other: Difference): boolean {
  return one.name === other.name && isDeepStrictEqual(one.step, other.step);
}

async function firstDifference<Step>(
  steps: readonly Step[],
  subjects: readonly Subject<Step>[],
): Promise<Difference | undefined> {
  for (const [index, step] of steps.entries()) {
    const answers = await allAnswers(step, subjects);
    const [reference, ...others] = answers as [(typeof answers)[0], ...typeof answers];
    const other = others.find(({ answer }) => !isDeepStrictEqual(answer, reference.answer));
    if (other === undefined) continue;
    const [one, two] = differing(reference.answer, other.answer);
    const words = [
      `Step ${index + 1} of ${steps.length} is answered differently: ${show(step)}`,
      `${reference.name}: ${show(one)}`,
      `${other.name}: ${show(two)}`,
    ];
    return { step, index, name: other.name, words: words.join("\n\n") };
  }
  return undefined;
}

/** They know nothing of each other, and some steps have to wait. None goes on once one has failed. */
async function allAnswers<Step>(step: Step, subjects: readonly Subject<Step>[]) {
  const taken = await Promise.allSettled(
    subjects.map(async (subject) => ({ name: subject.name, answer: await subject.take(step) })),
  );
  return taken.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

/** Of two answers, only what differs. */
function differing(one: unknown, two: unknown): readonly [unknown, unknown] {
  if (!isPlainObject(one) || !isPlainObject(two)) return [one, two];
  const parts: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  for (const name of new Set([...Object.keys(one), ...Object.keys(two)])) {
    if (isDeepStrictEqual(one[name], two[name])) continue;
    [parts[0][name], parts[1][name]] = differing(one[name], two[name]);
  }
  return parts;
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Map)
  );
}

function howToRepeat<Step>(seed: number, { setting }: Stream<Step>): string {
  const steps = process.env["LOCKSTEP_DIFFERENTIAL_STEPS"];
  const length = steps === undefined ? "" : ` LOCKSTEP_DIFFERENTIAL_STEPS=${steps}`;
  return `Seed ${seed} (${setting}). LOCKSTEP_TEST_SEED=${seed} LOCKSTEP_DIFFERENTIAL_SEEDS=1${length} repeats this stream.`;
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, breakLength: 120, maxStringLength: 200, sorted: true });
}
