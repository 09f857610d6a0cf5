import { type Durable, isWrite, type RecordedCall } from "../run/recorded-call.ts";

/** One write, however often its client has sent it. */
export interface LogicalWrite {
  readonly key: string;
  /** null: a delete. */
  readonly value: string | null;
  readonly beganMs: number;
  /** When a client was first told that it stands; undefined: nobody was. */
  readonly endedMs: number | undefined;
  /** refused: whoever sent it was told that nothing was done. */
  readonly outcome: "written" | "refused" | "unknown";
  readonly version: string | undefined;
  /** The strongest that was promised. */
  readonly durable: Durable | undefined;
  readonly ifVersion: string | undefined;
  readonly ifAbsent: boolean;
  readonly attempts: readonly RecordedCall[];
}

export function logicalWrites(history: readonly RecordedCall[]): readonly LogicalWrite[] {
  const groups = new Map<string, RecordedCall[]>();
  for (const call of history.filter(isWrite)) {
    const { idempotencyKey } = call.request;
    const name = idempotencyKey === undefined ? `#${call.id}` : `${call.key} ${idempotencyKey}`;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [call]);
    else group.push(call);
  }
  return [...groups.values()].map(writeOf);
}

function writeOf(attempts: readonly RecordedCall[]): LogicalWrite {
  const [{ key, request }] = attempts as [RecordedCall];
  const told = attempts.flatMap(({ endedMs, outcome }) =>
    outcome.kind === "written" ? [{ endedMs, ...outcome }] : [],
  );
  const isOpen = attempts.some(({ outcome }) => outcome.kind === "unknown");
  const [first] = told.toSorted((one, other) => one.endedMs - other.endedMs);
  const durable = told.find((one) => one.durable !== "journal") ?? first;
  return {
    key,
    value: request.tool === "kv_set" ? request.value : null,
    beganMs: Math.min(...attempts.map(({ beganMs }) => beganMs)),
    endedMs: first?.endedMs,
    outcome: first === undefined ? (isOpen ? "unknown" : "refused") : "written",
    version: first?.version,
    durable: durable?.durable,
    ifVersion: request.tool === "kv_get" ? undefined : request.ifVersion,
    ifAbsent: request.tool === "kv_set" && request.ifAbsent === true,
    attempts,
  };
}
