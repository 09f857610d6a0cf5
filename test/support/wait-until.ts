import { inspect } from "node:util";

export interface WaitUntilOptions {
  /** How long to go on asking, milliseconds. */
  readonly withinMs?: number;
  /** Pause between two questions, milliseconds. */
  readonly everyMs?: number;
  /** What is awaited, for the message: "the outbox to be empty". */
  readonly what?: string;
}

/**
 * Asks `condition` until it answers with something truthy, and returns that answer. For what really
 * takes time: a server, a process, a socket. Code under a clock is moved on with `ManualClock`.
 *
 * A condition that throws counts as not yet, so it may hold assertions. At the deadline the error
 * tells the last answer, or what was last thrown.
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 20, what = "the condition" }: WaitUntilOptions = {},
): Promise<Exclude<T, false | null | undefined | 0 | "">> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const seen = await ask(condition, deadlineMs);
    if ("answer" in seen && isTruthy(seen.answer)) return seen.answer;
    if (performance.now() + everyMs > deadlineMs) {
      throw new Error(`Waited ${withinMs} ms for ${what}; ${describe(seen)}.`, {
        cause: "thrown" in seen ? seen.thrown : undefined,
      });
    }
    await pause(everyMs);
  }
}

type Seen<T> = { readonly answer: T } | { readonly thrown: unknown } | { readonly hung: true };

/** A condition that never settles must not outlive the deadline. */
async function ask<T>(condition: () => T | Promise<T>, deadlineMs: number): Promise<Seen<T>> {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<Seen<T>>((resolve) => {
    timer = setTimeout(() => resolve({ hung: true }), Math.max(0, deadlineMs - performance.now()));
  });
  try {
    return await Promise.race([hung, (async () => ({ answer: await condition() }))()]);
  } catch (thrown) {
    return { thrown };
  } finally {
    clearTimeout(timer);
  }
}

function isTruthy<T>(value: T): value is Exclude<T, false | null | undefined | 0 | ""> {
  return Boolean(value);
}

function describe(seen: Seen<unknown>): string {
  if ("hung" in seen) return "the last question was never answered";
  if ("answer" in seen) return `last seen: ${inspect(seen.answer, { depth: 4 })}`;
  return `last error: ${seen.thrown instanceof Error ? seen.thrown.message : inspect(seen.thrown)}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
