import { isWrite, type RecordedCall } from "../run/recorded-call.ts";

/**
 * The history without what may rest on a write whose caller was never told that it stands: reads of its value, and
 * conditions that were refused while it may have stood. Unpinned, such a write is shown, and conditions are judged by
 * it, until it is taken back.
 */
export function withoutUntold(history: readonly RecordedCall[]): readonly RecordedCall[] {
  const untold = history.filter(
    (call) => isWrite(call) && call.outcome.kind !== "written" && !isConflict(call),
  );
  const values = new Set(
    untold.map(({ key, request }) => `${key} ${"value" in request ? request.value : null}`),
  );
  return history.filter((call) => {
    const { key, outcome } = call;
    if (isConflict(call)) return !untold.some((write) => mayHaveStood(write, call));
    if (outcome.kind !== "read") return true;
    // Where the meta was evicted, a value cannot tell which write it is of.
    if (outcome.value !== null && outcome.version === null) return false;
    return !values.has(`${key} ${outcome.value}`);
  });
}

function isConflict({ outcome }: RecordedCall): boolean {
  return outcome.kind === "refused" && outcome.code === "VERSION_CONFLICT";
}

/** A write that was refused has been taken back by then; of another nobody knows until when it stood. */
function mayHaveStood(write: RecordedCall, during: RecordedCall): boolean {
  if (write.key !== during.key || write.beganMs > during.endedMs) return false;
  return write.outcome.kind === "unknown" || write.endedMs >= during.beganMs;
}
