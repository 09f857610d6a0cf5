/** What class of trouble an error is; it decides how a client should react. */
export type ErrorKind = "input" | "conflict" | "unavailable" | "aborted" | "broken" | "start-up";

export interface ErrorFacts {
  readonly kind: ErrorKind;
  /** True where the same call may succeed later without being changed. */
  readonly retryable: boolean;
  /** When to retry, milliseconds; undefined where the same call would fail again. */
  readonly retryAfterMs?: number;
  /** Which side is at fault, where one is. */
  readonly at?: "cache" | "store";
  /** What the calling model or person should do next. */
  readonly hint: string;
}

const TABLE = {
  INPUT_INVALID: {
    kind: "input",
    retryable: false,
    hint: "Change the named field and call again.",
  },
  TOOL_UNKNOWN: {
    kind: "input",
    retryable: false,
    hint: "Call tools/list for the tools there are.",
  },
  MODELS_NOT_CONFIGURED: {
    kind: "input",
    retryable: false,
    hint: "Declare the collections in a JSON file and name it with LOCKSTEP_MODELS_FILE; docs/MODELS.md shows one. Their documents are in the MongoDB of MONGODB_URI, their cached entries in the Redis of REDIS_URL: both must be set.",
  },
  KEY_RESERVED: {
    kind: "input",
    retryable: false,
    hint: "Choose a key that does not begin with lockstep: (anywhere else in the key it is fine).",
  },
  VALUE_TOO_LARGE: {
    kind: "input",
    retryable: false,
    hint: "Send a smaller value, or split it over several keys; LOCKSTEP_VALUE_MAX_BYTES sets the limit.",
  },
  KEY_WRONG_TYPE: {
    kind: "conflict",
    retryable: false,
    at: "cache",
    hint: "The key holds another Redis type, which belongs to another program. Use another key, or remove it there first.",
  },
  VALUE_NOT_TEXT: {
    kind: "conflict",
    retryable: false,
    at: "cache",
    hint: "Another program stored bytes that are not UTF-8 text. Overwrite the key with kv_set, go back to the store's value with force_sync_repair and strategy store, or read it with that program.",
  },
  VALUE_CORRUPT: {
    kind: "conflict",
    retryable: false,
    at: "store",
    hint: "The stored value is not the one that was written: its row was edited by hand, or its disk has changed it. Compare with a backup, or overwrite the key with kv_set; verify_cache_sync finds whether there are others.",
  },
  KEY_IN_MOTION: {
    kind: "conflict",
    retryable: true,
    retryAfterMs: 100,
    hint: "The key was written while it was being repaired, and the newer write stands. Call verify_key_sync to see whether a repair is still needed.",
  },
  PLAN_NOT_FOUND: {
    kind: "input",
    retryable: false,
    hint: "A plan can be applied for an hour, and undone for LOCKSTEP_UNDO_RETENTION_HOURS after that; newer ones push the oldest out. Call plan_sync_repair for a new one.",
  },
  PLAN_REFUSED: {
    kind: "conflict",
    retryable: false,
    hint: "Nothing was changed. A plan is applied once, and undone once after that. Call plan_sync_repair to see what is to be repaired now.",
  },
  VERSION_CONFLICT: {
    kind: "conflict",
    retryable: false,
    hint: "Nothing was written: the key is not as ifVersion or ifAbsent asks. Read it with kv_get, decide again, and call with the version it has now.",
  },
  IDEMPOTENCY_KEY_REUSED: {
    kind: "conflict",
    retryable: false,
    hint: "Nothing was written: this idempotencyKey belongs to an earlier write of the key with another value, TTL or condition. Use a new one for a new write.",
  },
  VERSION_NOT_REACHED: {
    kind: "conflict",
    retryable: true,
    retryAfterMs: 250,
    hint: "Neither cache nor store has the key in that version yet. Call again, or leave minVersion out to read what there is.",
  },
  CACHE_UNAVAILABLE: {
    kind: "unavailable",
    retryable: true,
    retryAfterMs: 1000,
    at: "cache",
    hint: "Redis does not answer. Reads fall back to the store; writes must wait. GET /ready names the cause.",
  },
  RECOVERING: {
    kind: "unavailable",
    retryable: true,
    retryAfterMs: 1000,
    at: "cache",
    hint: "Redis was restarted, failed over or was flushed, and what it may have lost is being put right from the store. Nothing was done; call again. LOCKSTEP_READ_WHILE_RECOVERING=true answers reads meanwhile.",
  },
  STORE_UNAVAILABLE: {
    kind: "unavailable",
    retryable: true,
    retryAfterMs: 1000,
    at: "store",
    hint: "The store does not answer. GET /ready names the cause; cached keys can still be read.",
  },
  OVERLOADED: {
    kind: "unavailable",
    retryable: true,
    retryAfterMs: 5000,
    hint: "Nothing was written: there is hardly any room left for what the store does not have yet. Reads, and mostly deletes, go on. Call again after the time named; hybrid_sync_load_check says what is full. If it lasts, bring the store back, raise Redis' maxmemory (under noeviction, volatile-lru lets clean values go), or raise the limit.",
  },
  DOCUMENT_REFUSED: {
    kind: "conflict",
    retryable: false,
    at: "store",
    hint: "The store answers, and refuses this one write: it is too large for it, or breaks a rule that was set on its collection or table. Change the rule or the value. outbox_dead_letters lists writes that wait for that, and outbox_replay tries them again.",
  },
  UNKNOWN_OUTCOME: {
    kind: "unavailable",
    retryable: true,
    retryAfterMs: 2500,
    hint: "The write may or may not have happened. Read the key to see, then repeat the call if it is not there; a call with an idempotencyKey can be repeated as it is.",
  },
  TIMED_OUT: {
    kind: "unavailable",
    retryable: true,
    retryAfterMs: 1000,
    hint: "The call took longer than it may. Call it again, with less to do where it can be narrowed (prefix, limit).",
  },
  ABORTED: {
    kind: "aborted",
    retryable: true,
    hint: "The caller cancelled. A write that had been decided by then stands.",
  },
  SHUTTING_DOWN: {
    kind: "aborted",
    retryable: true,
    retryAfterMs: 1000,
    hint: "This process is ending. Call another one, or this one once it is back.",
  },
  WRITE_EXPIRED: {
    kind: "aborted",
    retryable: true,
    retryAfterMs: 100,
    at: "store",
    hint: "Nothing was written: this process or its connection stood still for ten minutes between the decision and the write. Call again.",
  },
  BACKUP_DAMAGED: {
    kind: "input",
    retryable: false,
    hint: "Use another backup: nothing after the place named can be trusted. One that was begun and not ended (.part) goes on with lockstep backup --resume.",
  },
  BACKUP_TOO_NEW: {
    kind: "input",
    retryable: false,
    hint: "The file was written by a newer release. Restore it with that release.",
  },
  STORE_MISMATCH: {
    kind: "start-up",
    retryable: false,
    hint: "Point MONGODB_URI (or LOCKSTEP_SQLITE_FILE) at that store, or REDIS_URL at another Redis or database number.",
  },
  SCHEMA_TOO_NEW: {
    kind: "start-up",
    retryable: false,
    at: "store",
    hint: "The store was written by a newer release. Start that release, or name another store.",
  },
  CONFIG_INVALID: {
    kind: "start-up",
    retryable: false,
    hint: "Correct the named variable; docs/CONFIG.md lists them all.",
  },
  PORT_IN_USE: {
    kind: "start-up",
    retryable: false,
    hint: "Set LOCKSTEP_HTTP_PORT to a free port, or end the program that holds this one.",
  },
  INVARIANT_BROKEN: {
    kind: "broken",
    retryable: false,
    hint: "This is a bug in the server. Please report it with the reference from the log.",
  },
  INTERNAL: {
    kind: "broken",
    retryable: false,
    hint: "This is a bug in the server. Please report it with the reference from the log.",
  },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof TABLE;

/** Every error a caller can meet. docs/ERRORS.md is made from this table. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorFacts>> = TABLE;
