/** Why a command failed: refused by the server, or lost on the way there or back. */

/** The server answered, and with an error. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

/** A refusal of this moment, which says nothing about what is allowed. */
export function isPassing(error: Error): boolean {
  return /^(BUSY|LOADING|NOAUTH)\b/.test(error.message);
}

/** The server does not know a script of this name; nothing was touched. */
export function isUnknownScript(error: unknown): boolean {
  return isRefusal(error) && error.message.startsWith("NOSCRIPT");
}

/** The server is a replica; a script's write tells it in its own words. */
export function isReadOnly(error: unknown): boolean {
  return isRefusal(error) && /\bREADONLY\b/.test(error.message);
}

/** Redis 6.2 wraps the words of a script's command into its own. */
export function isOutOfMemory(error: unknown): boolean {
  return isRefusal(error) && /\bOOM command not allowed\b/.test(error.message);
}

/** What to do about {@link isOutOfMemory}. */
export const FULL_HINT =
  "Redis is full, and its policy lets nothing go that could make room. Raise maxmemory, or set maxmemory-policy volatile-lru so that clean values can go.";

/** False where the server refused the command, or the client never sent it. */
export function mayHaveRun(error: unknown): boolean {
  return error instanceof Error && !isRefusal(error) && !neverSent(error);
}

/**
 * The server's or the client's own words, which name no credentials. Of a connection that is not there the client says
 * no more than that; `trouble` is why, in the words of its last connection error.
 */
export function reasonOf(error: unknown, trouble: string | undefined): string {
  if (!(error instanceof Error)) return "unknown cause";
  if (error.name === "MaxRetriesPerRequestError") return "the connection was lost";
  if (neverSent(error) || error.message === "Connection is closed.") {
    return trouble === undefined ? "not connected" : `not connected (${trouble})`;
  }
  return error.message === "" ? error.name : error.message;
}

function neverSent(error: Error): boolean {
  return error.message.startsWith("Stream isn't writeable");
}
