import type { Delivery } from "../alert-sink-port.ts";

/** Answers that a later attempt may change: not in time, too many, and all faults of the other side. */
const MAY_PASS = (status: number) => status === 408 || status === 429 || status >= 500;

/**
 * Posts one JSON body. A redirect is a refusal: what is sent may hold a secret, which is for the address that was configured
 * alone. Of the answer only the status is looked at.
 */
export async function httpPost(
  url: string,
  {
    body,
    headers = {},
    signal,
  }: {
    readonly body: object;
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<Delivery> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "user-agent": "lockstep", ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      redirect: "manual",
      signal,
    });
  } catch (error) {
    return { outcome: "failed", why: codeOf(error) };
  }
  // What is left of the answer is of no use, and it may never end.
  void response.body?.cancel().catch(() => undefined);
  if (response.ok) return { outcome: "delivered" };
  const why = `it answered ${response.status}`;
  return { outcome: MAY_PASS(response.status) ? "failed" : "refused", why };
}

/** The code of the system or of TLS; messages may name the address, which may hold a secret. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof AggregateError) return codeOf(cause.errors[0]);
  if (!(cause instanceof Error)) return "it cannot be reached";
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
}
