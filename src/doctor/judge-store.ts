import type { MongoFacts, SqliteFacts, StoreFacts } from "../store/store-facts-port.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import { isAtLeastVersion } from "./is-at-least.ts";

/** Below this much free disk a backlog of an hour or a backup may fill it. */
const FREE_LOW_BYTES = 1_000_000_000;

/** Below this much even the file's own log may not fit. */
const FREE_SHORT_BYTES = 100_000_000;

/** What can be said of a store by itself. */
export function judgeStore(facts: StoreFacts): readonly Finding[] {
  return facts.kind === "sqlite"
    ? [judgeFile(facts), judgeDisk(facts), judgeIndexes(facts)]
    : [judgeVersion(facts), judgeTopology(facts), judgeIndexes(facts), judgePermissions(facts)];
}

function judgeFile({ file, isWritable, version, storeId }: SqliteFacts): Finding {
  const check = "sqlite file";
  if (!isWritable) {
    return problem(
      check,
      `${file} cannot be written by this user.`,
      "Give this user the file and its folder, or point LOCKSTEP_SQLITE_FILE elsewhere.",
    );
  }
  const there = storeId === undefined ? "not there yet; the first start makes it" : "writable";
  return ok(check, `${file} is ${there} (SQLite ${version ?? "of unknown version"}).`);
}

function judgeDisk({ fileBytes, freeBytes }: SqliteFacts): Finding {
  const check = "sqlite disk";
  const says = `The file takes ${megabytes(fileBytes)} MB, and ${megabytes(freeBytes)} MB of its disk are free.`;
  const hint = "Make room, or move the file to a larger disk: a full one fails every write.";
  if (freeBytes < FREE_SHORT_BYTES) return problem(check, says, hint);
  // As much again as there is, for the day on which it is backed up or rewritten.
  if (freeBytes < FREE_LOW_BYTES || freeBytes < fileBytes) return warning(check, says, hint);
  return ok(check, says);
}

function judgeVersion({ version }: MongoFacts): Finding {
  const check = "mongodb version";
  if (version === undefined) {
    return warning(check, "It does not tell its version.", "Make sure that it is 5.0 or later.");
  }
  const says = `MongoDB ${version}.`;
  return isAtLeastVersion(version, 5, 0) === true
    ? ok(check, says)
    : problem(check, says, "Use MongoDB 5.0 or later.");
}

function judgeTopology({ topology }: MongoFacts): Finding {
  const check = "mongodb topology";
  if (topology !== "standalone") return ok(check, `It is a ${topology}.`);
  return warning(
    check,
    "It is a single server: what was acknowledged survives as long as its disk does, and there is no failover.",
    "Use a replica set of three where that is not enough.",
  );
}

function judgeIndexes({ kind, storeId, missingIndexes }: StoreFacts): Finding {
  const check = `${kind} indexes`;
  if (storeId === undefined) return ok(check, "Nothing is there yet; the first start makes them.");
  if (missingIndexes.length === 0) return ok(check, "All are there.");
  return problem(
    check,
    `Missing: ${missingIndexes.join("; ")}. What they are for grows slower with every key.`,
    kind === "mongodb"
      ? "Start Lockstep once: it makes them. Where its user may not, make them by hand."
      : "Restore the file from a backup into a new one; somebody has changed its layout.",
  );
}

function judgePermissions({ refusedActions, database }: MongoFacts): Finding {
  const check = "mongodb permissions";
  if (refusedActions.length === 0) return ok(check, "This user may do all that is needed.");
  return problem(
    check,
    `This user may not: ${refusedActions.join(", ")}.`,
    `Grant the role readWrite on the database ${database}.`,
  );
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}
