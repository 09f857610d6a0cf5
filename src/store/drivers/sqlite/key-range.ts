/** A condition on the column `key`, and the bytes that it binds. */
export interface KeyCondition {
  readonly sql: string;
  readonly values: readonly Uint8Array[];
}

/**
 * The keys that begin with `prefix` and come after `afterKey`; empty text for either means no such bound. Only the
 * higher of two lower bounds is kept: given both, SQLite may enter the index at the prefix and step over everything
 * that was scanned before.
 */
export function keysWithin(prefix: string, afterKey = ""): KeyCondition {
  const first = Buffer.from(prefix);
  const after = Buffer.from(afterKey);
  const isPastFirst = afterKey !== "" && Buffer.compare(after, first) >= 0;
  if (prefix === "") {
    return isPastFirst ? { sql: "key > ?", values: [after] } : { sql: "TRUE", values: [] };
  }
  const end = endOfPrefix(first);
  return isPastFirst
    ? { sql: "key > ? AND key < ?", values: [after, end] }
    : { sql: "key >= ? AND key < ?", values: [first, end] };
}

/** The first bytes after all that begin with these. UTF-8 has no byte 0xff, so the last one can always grow. */
function endOfPrefix(prefix: Uint8Array): Uint8Array {
  const end = Uint8Array.from(prefix);
  end[end.length - 1] = (end.at(-1) ?? 0) + 1;
  return end;
}
