import { checkRegister, type RegisterOperation } from "../../support/lockstep/linearizability.ts";
import { isWrite, type RecordedCall } from "../run/recorded-call.ts";
import { type LogicalWrite, logicalWrites } from "./logical-writes.ts";
import type { Violation } from "./violation.ts";

/** Above this many steps for one key it is left open; checkVersions has looked at the same history by other means. */
const STEPS_MAX = 200_000;

/** Whether each key behaved as one register, by the values alone. */
export function checkLinearizable(history: readonly RecordedCall[]): readonly Violation[] {
  const writes = logicalWrites(history);
  const values = new Map(
    writes.flatMap(({ version, value }) =>
      version === undefined ? [] : [[version, value] as const],
    ),
  );
  const byKey = new Map<string, RegisterOperation[]>();
  const add = (operation: RegisterOperation) => {
    const known = byKey.get(operation.key);
    if (known === undefined) byKey.set(operation.key, [operation]);
    else known.push(operation);
  };
  for (const write of writes) {
    if (write.outcome !== "refused") add(registerWrite(write, values));
  }
  for (const call of history) {
    const operation = readOf(call) ?? refusalOf(call, values);
    if (operation !== undefined) add(operation);
  }
  return [...byKey].flatMap(([key, operations]) => judgeKey(key, operations));
}

function judgeKey(key: string, operations: readonly RegisterOperation[]): readonly Violation[] {
  try {
    return checkRegister(operations, { stepsMax: STEPS_MAX }).map((what) => ({ key, what }));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("No order was found or ruled out"))
      return [];
    throw error;
  }
}

function registerWrite(
  { key, value, beganMs, endedMs, ifVersion, ifAbsent }: LogicalWrite,
  values: ReadonlyMap<string, string | null>,
): RegisterOperation {
  const write = { op: "write", key, value, beganMs, endedMs } as const;
  const required = ifAbsent ? null : ifVersion === undefined ? undefined : values.get(ifVersion);
  return required === undefined ? write : { ...write, requires: required };
}

function readOf({ key, beganMs, endedMs, outcome }: RecordedCall): RegisterOperation | undefined {
  if (outcome.kind !== "read" || outcome.mayBeBehind) return undefined;
  return { op: "read", key, beganMs, endedMs, value: outcome.value };
}

function refusalOf(
  call: RecordedCall,
  values: ReadonlyMap<string, string | null>,
): RegisterOperation | undefined {
  const { key, beganMs, endedMs, outcome } = call;
  if (!isWrite(call) || outcome.kind !== "refused" || outcome.code !== "VERSION_CONFLICT")
    return undefined;
  const { ifVersion } = call.request;
  // A delete has a version that no condition can name, so its value says nothing here.
  const requires = ifVersion === undefined ? null : values.get(ifVersion);
  if (requires === undefined || (ifVersion !== undefined && requires === null)) return undefined;
  return { op: "refusal", key, beganMs, endedMs, requires };
}
