import type { Version } from "../../../model/version.ts";
import type { StatementLife } from "../../statement-life.ts";
import { type GuardedWrite, guardedWrite, type Judgement } from "./guarded-write.ts";
import type { MongoConnection } from "./mongo-connection.ts";
import { mintVersion } from "./version-mint.ts";

/** The two commands that a write is made of where the store decides, each one atomic step of the server. */
export interface AuthorityCommands {
  /** A version that no write of the bucket was ever given, above `floor` too. */
  mint(bucket: number, floor: Version | undefined): Promise<Version>;

  /** As {@link guardedWrite}; nothing is written once `life` is over. Also fails with UNKNOWN_OUTCOME. */
  writeRow(write: Omit<GuardedWrite, "graceMs" | "until">, life: StatementLife): Promise<Judgement>;
}

/** `graceMs`: how long a tombstone or an expired row must be kept, milliseconds. */
export function authorityCommands(connection: MongoConnection, graceMs: number): AuthorityCommands {
  return {
    mint: (bucket, floor) =>
      connection.call("mint a version", (database) => mintVersion(database, bucket, floor)),
    writeRow: (write, life) =>
      connection.callWhileAlive("write a row", life, (database, until) =>
        guardedWrite(database, { ...write, graceMs, until }),
      ),
  };
}
