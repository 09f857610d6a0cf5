import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import type { Entry } from "../../../src/model/entry.ts";
import { formatVersion, seqOf, type Version } from "../../../src/model/version.ts";
import type { DeleteCommand, SetCommand } from "../../../src/model/write-command.ts";
import { deleteOf, setOf } from "../commands.ts";

/** Writes a value and returns the entry; fails the test where the write is refused. */
export async function writeEntry(
  cache: CacheAuthorityPort,
  wanted: Partial<Omit<SetCommand, "op" | "hash">> = {},
): Promise<Entry> {
  const written = await cache.write(setOf(wanted));
  if (written.outcome !== "written") throw new Error("An unguarded write was refused.");
  return written.entry;
}

export async function writeTombstone(
  cache: CacheAuthorityPort,
  wanted: Partial<Omit<DeleteCommand, "op">> = {},
): Promise<Entry> {
  const written = await cache.write(deleteOf(wanted));
  if (written.outcome !== "written") throw new Error("An unguarded delete was refused.");
  return written.entry;
}

/** A clean copy, as it is after the shadow has the write. */
export async function writeClean(
  cache: CacheAuthorityPort,
  wanted: Partial<Omit<SetCommand, "op" | "hash">> = {},
): Promise<Entry> {
  const entry = await writeEntry(cache, wanted);
  await cache.acknowledge([entry]);
  return entry;
}

/** The fill lease, which must be free. */
export async function leaseOf(cache: CacheAuthorityPort, key = "user:1"): Promise<string> {
  const token = await cache.takeLease(key);
  if (token === undefined) throw new Error(`The lease of ${key} is held by someone else.`);
  return token;
}

/** The version `step` microseconds later, or earlier. */
export function later(version: Version, step = 1): Version {
  return formatVersion(Number(version.slice(0, 8)), seqOf(version) + step);
}
