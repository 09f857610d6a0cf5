/** One call of a client, as the client saw it. Times are of the clock of the process that runs the load. */
export interface RecordedCall {
  /** Its place in the history, by when it was made. */
  readonly id: number;
  readonly client: number;
  /** Which server process it was sent to. */
  readonly server: string;
  readonly key: string;
  readonly request: SetRequest | DeleteRequest | GetRequest;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly outcome: Outcome;
}

interface WriteTerms {
  readonly ack?: "cache" | "durable" | "shadow";
  readonly ifVersion?: string;
  readonly idempotencyKey?: string;
}

export interface SetRequest extends WriteTerms {
  readonly tool: "kv_set";
  /** Written by this request and its repetitions alone, so that a read tells which write it saw. */
  readonly value: string;
  readonly ifAbsent?: boolean;
  readonly ttlSec?: number;
}

export interface DeleteRequest extends WriteTerms {
  readonly tool: "kv_delete";
}

export interface GetRequest {
  readonly tool: "kv_get";
  readonly minVersion?: string;
}

export type Outcome =
  | { readonly kind: "written"; readonly version: string; readonly durable: Durable }
  | {
      readonly kind: "read";
      /** null: not found. */
      readonly value: string | null;
      readonly version: string | null;
      readonly source: "cache" | "store";
      /** The server has said that the answer may be behind. */
      readonly mayBeBehind: boolean;
    }
  /** Told that nothing was done. */
  | { readonly kind: "refused"; readonly code: string }
  /** Nobody has told what was done, if anything. */
  | { readonly kind: "unknown"; readonly code: string };

export type Durable = "shadow" | "outbox" | "journal";

export function isWrite(
  call: RecordedCall,
): call is RecordedCall & { readonly request: SetRequest | DeleteRequest } {
  return call.request.tool !== "kv_get";
}

/** One line for people: `#12 client 3 at server-1 12.3..15.0 kv_set {"value":"c3.4"} -> written 0000… shadow`. */
export function lineOf({ id, client, server, request, beganMs, endedMs, outcome }: RecordedCall) {
  const { tool, ...args } = request;
  const { kind, ...rest } = outcome;
  const told = Object.values(rest).map((value) => shortened(String(value)));
  return `#${id} client ${client} at ${server} ${beganMs.toFixed(1)}..${endedMs.toFixed(1)} ${tool} ${shortened(JSON.stringify(args))} -> ${kind} ${told.join(" ")}`;
}

/** Padding says nothing. */
function shortened(text: string): string {
  return text.replaceAll(/ x{20,}/g, " x…");
}
