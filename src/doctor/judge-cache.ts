import type { CacheFacts } from "../cache/cache-facts-port.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import { isAtLeastVersion } from "./is-at-least.ts";

/** Without these less is known of the server, and all else works. */
const OPTIONAL_COMMANDS = new Set(["INFO", "CONFIG GET"]);

/** What can be said of a Redis by itself. */
export function judgeCache(facts: CacheFacts): readonly Finding[] {
  return [
    judgeVersion(facts),
    judgeRole(facts),
    judgeEviction(facts),
    judgePersistence(facts),
    judgeRestarts(facts),
    judgePermissions(facts),
  ];
}

function judgeVersion({ product, version }: CacheFacts): Finding {
  const check = "redis version";
  if (version === undefined) {
    return warning(check, "It does not tell its version.", "Allow INFO to Lockstep's user.");
  }
  const says = `${product} ${version}.`;
  if (product === "Valkey" || isAtLeastVersion(version, 6, 2) === true) return ok(check, says);
  return problem(check, says, "Use Redis 6.2 or later, or Valkey.");
}

function judgeRole({ role, isCluster }: CacheFacts): Finding {
  const check = "redis role";
  if (isCluster) {
    return problem(
      check,
      "It is a node of a Redis Cluster, which is not supported yet.",
      "Point REDIS_URL at a single Redis or Valkey.",
    );
  }
  if (role === "replica") {
    return problem(
      check,
      "It is a replica, which takes no writes.",
      "Point REDIS_URL at the primary.",
    );
  }
  if (role === undefined)
    return warning(
      check,
      "It does not tell whether it is a primary.",
      "Allow INFO to Lockstep's user.",
    );
  return ok(check, "It is a primary.");
}

function judgeEviction({ policy }: CacheFacts): Finding {
  const check = "redis eviction";
  const { maxmemoryPolicy, maxmemoryBytes, pinned } = policy;
  const limit = maxmemoryBytes === 0 ? "no maxmemory" : `maxmemory ${megabytes(maxmemoryBytes)} MB`;
  const is = `maxmemory-policy is ${maxmemoryPolicy}, with ${limit}`;
  if (!pinned) {
    return warning(
      check,
      `${is}. Any key may go at any moment, so Redis cannot hold a write that the store does not have: writes fail while the store is down.`,
      "Set maxmemory-policy to volatile-lru to let Redis be the journal.",
    );
  }
  if (maxmemoryBytes === 0) {
    return warning(
      check,
      `${is}. It holds what the store does not have, and grows until the machine's memory is used up, because nothing says when to refuse writes.`,
      "Set maxmemory, or LOCKSTEP_PRESSURE_UNSYNCED_MB.",
    );
  }
  if (maxmemoryPolicy === "noeviction") {
    return warning(
      check,
      `${is}. It holds what the store does not have; clean values do not make room, so writes are refused when maxmemory is nearly reached.`,
      "Set maxmemory-policy to volatile-lru to let clean values go instead.",
    );
  }
  return ok(check, `${is}: what the store does not have stays, clean values make room.`);
}

function judgePersistence({ policy, failsToPersist }: CacheFacts): Finding {
  const check = "redis persistence";
  if (failsToPersist) {
    return problem(
      check,
      "Its last attempt to write to disk failed, and it may refuse writes until one succeeds.",
      "Look into its log; most often the disk is full or its folder cannot be written.",
    );
  }
  if (!policy.pinned) {
    return ok(
      check,
      "It does not matter here: no write rests on Redis alone under this eviction policy.",
    );
  }
  const hint = "Set appendonly yes and appendfsync everysec.";
  switch (policy.persistence) {
    case "aof-always":
      return ok(check, "Every write is on disk before it is answered (appendfsync always).");
    case "aof-everysec":
      return ok(
        check,
        "A crash loses at most the last second or two of writes that the store does not have yet (appendfsync everysec).",
      );
    case "aof-no":
    case "rdb":
      return warning(
        check,
        "It writes to disk only now and then: a crash may lose minutes of writes that the store does not have yet.",
        hint,
      );
    case "none":
      return warning(
        check,
        "It keeps nothing on disk: a restart loses the writes that the store does not have yet.",
        hint,
      );
    case "unknown":
      return warning(
        check,
        "It hides how it persists, so what a crash may lose is not known.",
        "Allow CONFIG GET to Lockstep's user.",
      );
  }
}

function judgeRestarts({ policy }: CacheFacts): Finding {
  const check = "redis restarts";
  if (policy.showsIncarnation) return ok(check, "A restart or failover is noticed by its run id.");
  return warning(
    check,
    "It does not tell its run id, so only a Redis that comes back empty is noticed to have lost writes.",
    "Allow INFO to Lockstep's user.",
  );
}

function judgePermissions({ refusedCommands }: CacheFacts): Finding {
  const check = "redis permissions";
  if (refusedCommands === undefined) {
    return warning(
      check,
      "MULTI is not allowed, by which the rights of this user could be seen without using them.",
      "Nothing has to be done if all else works; MULTI is not needed otherwise.",
    );
  }
  const needed = refusedCommands.filter((name) => !OPTIONAL_COMMANDS.has(name));
  if (needed.length > 0) {
    return problem(
      check,
      `This user may not run ${needed.join(", ")}.`,
      `Allow them, as with: ACL SETUSER <user> ~* ${needed.map((name) => `+${name.toLowerCase().replace(" ", "|")}`).join(" ")}`,
    );
  }
  if (refusedCommands.length > 0) {
    return warning(
      check,
      `This user may not run ${refusedCommands.join(", ")}; all that is needed to work is allowed.`,
      "Allow them, so that the eviction policy, the persistence and a restart can be seen.",
    );
  }
  return ok(check, "This user may run every command that is needed.");
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}
