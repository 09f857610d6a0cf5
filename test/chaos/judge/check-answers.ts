import type { RecordedCall } from "../run/recorded-call.ts";
import { type LogicalWrite, logicalWrites } from "./logical-writes.ts";
import type { Violation } from "./violation.ts";

/** Codes that no fault of a backend explains. */
const BUGS = new Set([
  "INTERNAL",
  "INVARIANT_BROKEN",
  "JSON_RPC",
  "INPUT_INVALID",
  "KEY_WRONG_TYPE",
]);

/** A key remembers as many idempotent writes. */
const REMEMBERED = 4;

/**
 * What holds whatever happens to Redis: no error that means a bug, no value that nobody wrote or that was refused, no
 * answer below `minVersion`, and where Redis keeps its data, one answer to all repetitions of a write.
 */
export function checkAnswers(
  history: readonly RecordedCall[],
  {
    redisKeepsData,
    mayShowRefused,
  }: { readonly redisKeepsData: boolean; readonly mayShowRefused: boolean },
): readonly Violation[] {
  const writes = logicalWrites(history);
  const byValue = new Map(writes.map((write) => [`${write.key} ${write.value}`, write]));
  return [
    ...history.flatMap((call) =>
      [bug(call), tooOld(call, writes), phantom(call, byValue, mayShowRefused)].flatMap((what) =>
        what === undefined ? [] : [{ key: call.key, what: `#${call.id} ${what}` }],
      ),
    ),
    ...(redisKeepsData ? writes.flatMap((write) => unlikeRepetitions(write, writes)) : []),
  ];
}

function bug({ outcome }: RecordedCall): string | undefined {
  if (!("code" in outcome)) return undefined;
  const { code } = outcome;
  return BUGS.has(code) || code.startsWith("HTTP 5") ? `failed with ${code}` : undefined;
}

function tooOld(
  { key, request, outcome, endedMs }: RecordedCall,
  writes: readonly LogicalWrite[],
): string | undefined {
  if (request.tool !== "kv_get" || outcome.kind !== "read") return undefined;
  const { minVersion } = request;
  if (minVersion === undefined) return undefined;
  if (outcome.value !== null) {
    return outcome.version !== null && outcome.version >= minVersion
      ? undefined
      : `read ${outcome.version}, below the minVersion ${minVersion}`;
  }
  const mayBeDeleted = writes.some(
    ({ version = "9", ...write }) =>
      write.key === key &&
      write.value === null &&
      write.outcome !== "refused" &&
      write.beganMs < endedMs &&
      version >= minVersion,
  );
  return mayBeDeleted ? undefined : `found nothing, although nobody deleted ${minVersion}`;
}

function phantom(
  { key, outcome, endedMs }: RecordedCall,
  byValue: ReadonlyMap<string, LogicalWrite>,
  mayShowRefused: boolean,
): string | undefined {
  if (outcome.kind !== "read" || outcome.value === null) return undefined;
  const write = byValue.get(`${key} ${outcome.value}`);
  if (write === undefined || write.beganMs > endedMs) return "read a value that nobody had written";
  if (write.outcome === "refused" && !mayShowRefused) {
    return `read the value of #${write.attempts[0]?.id}, which was refused`;
  }
  return undefined;
}

function unlikeRepetitions(
  { key, attempts, ...write }: LogicalWrite,
  writes: readonly LogicalWrite[],
): readonly Violation[] {
  const [{ request }] = attempts as [RecordedCall];
  if (request.tool === "kv_get" || request.idempotencyKey === undefined) return [];
  const told = attempts.flatMap(({ outcome }) =>
    outcome.kind === "written" ? [outcome.version] : [],
  );
  const answers = new Set(told);
  const lastMs = Math.max(...attempts.map(({ endedMs }) => endedMs));
  const others = writes.filter(
    (other) =>
      other.key === key &&
      other.attempts !== attempts &&
      other.attempts.some((one) => "idempotencyKey" in one.request) &&
      other.beganMs < lastMs &&
      (other.endedMs ?? Number.POSITIVE_INFINITY) > write.beganMs,
  );
  if (others.length >= REMEMBERED) return [];
  const isReused = attempts.some(
    ({ outcome }) => outcome.kind === "refused" && outcome.code === "IDEMPOTENCY_KEY_REUSED",
  );
  const id = `#${attempts[0]?.id}`;
  return [
    ...(answers.size > 1
      ? [{ key, what: `${id} was written as ${[...answers].join(" and ")}` }]
      : []),
    ...(isReused ? [{ key, what: `${id} was taken for another write of its idempotencyKey` }] : []),
  ];
}
