import { inspect, isDeepStrictEqual } from "node:util";
import { SeededRandom } from "../support/seeded-random.ts";

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
  for (let attempt = 1; ; attempt += 1) {
    const subjects = await open(stream.setting, seed);
    const beganMs = performance.now();
    try {
      const difference = await firstDifference(stream.steps, subjects).catch((cause: unknown) => {
        throw new Error(howToRepeat(seed, stream), { cause });
      });
      if (difference === undefined) return undefined;
      const isTimely = performance.now() - beganMs <= withinMs;
      if (isTimely) return `${difference}\n\n${howToRepeat(seed, stream)}`;
    } finally {
      for (const subject of subjects) await subject.close();
    }
    if (attempt === ATTEMPTS_MAX) {
      throw new Error(
        `This machine is too busy: the stream of seed ${seed} never ended within ${withinMs} ms.`,
      );
    }
  }
}

async function firstDifference<Step>(
  steps: readonly Step[],
  subjects: readonly Subject<Step>[],
): Promise<string | undefined> {
  for (const [index, step] of steps.entries()) {
    const answers: { name: string; answer: unknown }[] = [];
    for (const subject of subjects) {
      answers.push({ name: subject.name, answer: await subject.take(step) });
    }
    const [reference, ...others] = answers as [(typeof answers)[0], ...typeof answers];
    const other = others.find(({ answer }) => !isDeepStrictEqual(answer, reference.answer));
    if (other === undefined) continue;
    const [one, two] = differing(reference.answer, other.answer);
    return [
      `Step ${index + 1} of ${steps.length} is answered differently: ${show(step)}`,
      `${reference.name}: ${show(one)}`,
      `${other.name}: ${show(two)}`,
    ].join("\n\n");
  }
  return undefined;
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
  return `Seed ${seed} (${setting}). LOCKSTEP_TEST_SEED=${seed} LOCKSTEP_DIFFERENTIAL_SEEDS=1 repeats this stream.`;
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, breakLength: 120, maxStringLength: 200, sorted: true });
}
