import mongoose, { type mongo } from "mongoose";

const { Timestamp } = mongoose.mongo;

/** The place in the log of the newest acknowledged write of each database object, where its server keeps a log. */
const lastWrites = new WeakMap<mongo.Db, mongo.Timestamp>();

/** Takes note of the answer to a write that a majority has. */
export function noteWrite(database: mongo.Db, answer: mongo.Document): void {
  const time: unknown = answer["operationTime"];
  // A server by itself has no log.
  if (!(time instanceof Timestamp)) return;
  const last = lastWrites.get(database);
  if (last === undefined || time.greaterThan(last)) lastWrites.set(database, time);
}

/**
 * A majority read that sees what a majority had before this process' last write. Majority alone would not do: a new
 * primary may for a moment not know how far its predecessor's majority was. Nor is a linearizable read needed, which
 * waits for a round among the members each time: a write of an older log that is acknowledged after a newer log has
 * begun cannot be, so what was acknowledged earlier lies before ours in the log of whoever answers.
 */
export function afterOwnWrites(database: mongo.Db): mongo.Document {
  const afterClusterTime = lastWrites.get(database);
  return { level: "majority", ...(afterClusterTime === undefined ? {} : { afterClusterTime }) };
}
