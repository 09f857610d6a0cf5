import { type Finding, ok, problem, warning } from "./finding.ts";

/** Whether the Redis is kept in step with this store; undefined is what could not be asked. */
export function judgeBinding({
  named,
  storeId,
}: {
  /** The stores that Redis names. */
  readonly named: readonly string[] | undefined;
  /** The id of the store; null where it has none yet. */
  readonly storeId: string | null | undefined;
}): Finding {
  const check = "store binding";
  const [first, ...others] = named ?? [];
  if (named === undefined) {
    return warning(
      check,
      "Redis does not tell which store it is kept in step with.",
      "Make it answer, and allow HGET to Lockstep's user.",
    );
  }
  if (others.length > 0) {
    return problem(
      check,
      `Redis names several stores: ${named.join(", ")}.`,
      "Somebody has changed the keys lockstep:s:*. Empty this Redis, or the database number, after a backup.",
    );
  }
  if (first === undefined) {
    return ok(check, "Redis is new, and will be tied to this store by the first start.");
  }
  if (storeId === undefined) {
    return warning(
      check,
      `Redis is kept in step with the store ${first}; whether that is this one cannot be said while it does not answer.`,
      "Bring the store back and look again.",
    );
  }
  if (storeId === first) return ok(check, `Redis is kept in step with this store, ${first}.`);
  return problem(
    check,
    `Redis is kept in step with the store ${first}, and this one is ${storeId ?? "new"}.`,
    "Point MONGODB_URI (or LOCKSTEP_SQLITE_FILE) at that store, or REDIS_URL at another Redis or database number.",
  );
}
