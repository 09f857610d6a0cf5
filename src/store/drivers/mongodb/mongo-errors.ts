import mongoose from "mongoose";
import { LockstepError } from "../../../model/lockstep-error.ts";

const {
  MongoError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} = mongoose.mongo;

const DUPLICATE_KEY = 11000;
const CONVERSION_FAILURE = 241;

/**
 * Server errors after which a write may stand all the same: it was interrupted, by a time limit, a
 * shutdown or a change of primary, and perhaps only while it waited for the other members.
 */
const INTERRUPTED = new Set([
  50, // MaxTimeMSExpired
  64, // WriteConcernFailed
  91, // ShutdownInProgress
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  11600, // InterruptedAtShutdown
  11601, // Interrupted
  11602, // InterruptedDueToReplStateChange
]);

/** Server errors that say: not this document, now or later. */
const REFUSALS = new Set([
  121, // DocumentValidationFailure: a rule of the collection
  10334, // BSONObjectTooLarge
  17280, // KeyTooLong, for an index
  17419, // too large after the update
  17420, // too large after the update
  DUPLICATE_KEY, // of a unique index that somebody has made: for the key's own, the write has been repeated before
]);

/** Server errors that say: ask the primary that there is now. */
const NOT_PRIMARY = new Set([
  91, // ShutdownInProgress
  189, // PrimarySteppedDown
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
]);

/** Pool errors that the driver does not export; all are thrown before anything is sent. */
const NO_CONNECTION = new Set([
  "MongoPoolClearedError",
  "MongoPoolClosedError",
  "MongoWaitQueueTimeoutError",
]);

/** Failures of the driver or the server, as opposed to a bug on our side of the call. */
export function isMongoFailure(error: unknown): error is Error {
  if (error instanceof MongoInvalidArgumentError) return false;
  return (
    error instanceof MongoError || error instanceof mongoose.MongooseError || isSocketFailure(error)
  );
}

/** The driver passes on as it is what a socket says that was reset between two commands. */
function isSocketFailure(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error && error.syscall === "write";
}

/**
 * Whether a write that failed with this error may have been carried out. Only true for a command that
 * the driver does not repeat by itself, since the second attempt's error hides the first one's.
 */
export function mayHaveHappened(error: unknown): boolean {
  if (error instanceof MongoWriteConcernError) return true;
  if (error instanceof MongoServerError) return INTERRUPTED.has(Number(error.code));
  return !isSurelyUnsent(error);
}

/** Two upserts of a new key met, and the server did not settle it by itself; the loser can simply try again. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

/**
 * Whether an update that does no harm when it is repeated should be: another one came between, the server that was
 * asked is no longer the primary, or the connection broke. The repetition looks for the primary anew.
 */
export function isMendedByRepeating(error: unknown): boolean {
  if (error instanceof MongoServerError) {
    return isDuplicateKey(error) || NOT_PRIMARY.has(Number(error.code));
  }
  return error instanceof MongoNetworkError || isSocketFailure(error);
}

/** What a statement is made to fail with by the server once its life is over. */
export function isExpired(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === CONVERSION_FAILURE;
}

export function writeExpired(action: string, error: Error): LockstepError {
  const text = `MongoDB got to "${action}" when its time was over.`;
  return new LockstepError("WRITE_EXPIRED", text, { cause: error });
}

export function isRefusal(error: unknown): boolean {
  return error instanceof MongoServerError && REFUSALS.has(Number(error.code));
}

export function documentRefused(
  action: string,
  error: Error,
  redact: (text: string) => string,
): LockstepError {
  // What follows would be the value that is there twice.
  const [reason = ""] = error.message.split(" dup key:", 1);
  const text = `MongoDB refused "${action}": ${redact(reason)}`;
  return new LockstepError("DOCUMENT_REFUSED", text, { cause: error });
}

export function storeUnavailable(
  action: string,
  error: Error,
  redact: (text: string) => string,
): LockstepError {
  const text = `MongoDB did not complete "${action}": ${redact(error.message)}`;
  return new LockstepError("STORE_UNAVAILABLE", text, { cause: error });
}

export function unknownOutcome(
  action: string,
  error: Error,
  redact: (text: string) => string,
): LockstepError {
  const text = `MongoDB's answer to "${action}" was lost: ${redact(error.message)}`;
  return new LockstepError("UNKNOWN_OUTCOME", text, { cause: error });
}

function isSurelyUnsent(error: unknown): boolean {
  if (error instanceof MongoServerSelectionError) return true;
  if (error instanceof MongoNotConnectedError) return true;
  if (error instanceof MongoTopologyClosedError) return true;
  if (!(error instanceof MongoError)) return false;
  return (
    NO_CONNECTION.has(error.name) ||
    error.hasErrorLabel("HandshakeError") ||
    wasRefused(error.cause)
  );
}

/** A socket that was ever connected does not report this. */
function wasRefused(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
