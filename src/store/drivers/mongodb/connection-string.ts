import mongoose from "mongoose";
import { LockstepError } from "../../../model/lockstep-error.ts";

const DEFAULT_DATABASE = "lockstep";

/** What the driver needs to know about MONGODB_URI beside the text itself. */
export interface ConnectionString {
  readonly uri: string;
  /** The path of the URI, else `lockstep`. */
  readonly databaseName: string;
  /** The text without the user name and password of the URI. */
  readonly redact: (text: string) => string;
}

/** Checks the text and names its database; nothing is sent. Error: CONFIG_INVALID. */
export function parseConnectionString(uri: string): ConnectionString {
  const redact = redactorFor(uri);
  try {
    const databaseName = databaseOf(uri);
    // The driver checks both without connecting.
    new mongoose.mongo.MongoClient(uri).db(databaseName);
    return { uri, databaseName, redact };
  } catch (error) {
    // No cause: the native error of a malformed URI may carry the URI itself.
    const reason = error instanceof Error ? redact(error.message) : "not readable";
    throw new LockstepError(
      "CONFIG_INVALID",
      `MONGODB_URI is not a MongoDB connection string: ${reason}.`,
    );
  }
}

/**
 * The name is not handed to the driver as an option, because it would then also become the database
 * that the user is looked up in, in place of `admin`.
 */
function databaseOf(uri: string): string {
  const path = /^[^:]+:\/\/[^/?]*\/([^?]*)/.exec(uri)?.[1] ?? "";
  return path === "" ? DEFAULT_DATABASE : decodeURIComponent(path);
}

function redactorFor(uri: string): (text: string) => string {
  const afterScheme = uri.slice(uri.indexOf("//") + 2);
  // Up to the last @, so that a password with an unescaped one is hidden as a whole.
  const userInfo = afterScheme.slice(0, Math.max(0, afterScheme.lastIndexOf("@")));
  const colon = userInfo.indexOf(":");
  const parts = colon < 0 ? [userInfo] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  const secrets = [...parts, ...parts.map(decoded)]
    .filter((secret) => secret !== "")
    .sort((one, other) => other.length - one.length);
  return (text) => secrets.reduce((left, secret) => left.replaceAll(secret, "***"), text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
