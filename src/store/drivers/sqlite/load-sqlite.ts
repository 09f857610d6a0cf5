import { LockstepError } from "../../../model/lockstep-error.ts";

/** What may be bound to a statement. Text is cut at NUL on some versions, so what users wrote is bound as bytes. */
export type SqlValue = null | number | string | Uint8Array;

/** The part of `StatementSync` that the driver uses; node:sqlite and @photostructure/sqlite both have it. */
export interface SqliteStatement {
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

/** The part of `DatabaseSync` that the driver uses. */
export interface SqliteConnection {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteModule {
  readonly DatabaseSync: new (
    file: string,
    options?: { readonly readOnly?: boolean },
  ) => SqliteConnection;
}

/**
 * Node's own SQLite where Node has one without a flag (22.13 and later), else the optional package that offers the same
 * interface. Error: CONFIG_INVALID when there is neither.
 */
export async function loadSqlite(
  loadBuiltin: () => SqliteModule | undefined = loadNodeSqlite,
  loadPackage: () => Promise<SqliteModule> = () => import("@photostructure/sqlite"),
): Promise<SqliteModule> {
  const builtin = loadBuiltin();
  if (builtin !== undefined) return builtin;
  try {
    return await loadPackage();
  } catch (cause) {
    throw new LockstepError(
      "CONFIG_INVALID",
      "There is no SQLite here: this Node has none built in, and the optional package @photostructure/sqlite does not load.",
      {
        cause,
        hint: "Use Node 22.13 or later, or install without --omit=optional, or set MONGODB_URI to keep the store in MongoDB.",
      },
    );
  }
}

function loadNodeSqlite(): SqliteModule | undefined {
  return withoutSqliteWarning(
    () => process.getBuiltinModule("node:sqlite") as SqliteModule | undefined,
  );
}

/**
 * Node 22 warns on stderr that its SQLite is experimental, whenever it is first loaded. People who start the server can
 * do nothing about that, so this one warning is dropped; all others pass.
 */
function withoutSqliteWarning<T>(load: () => T): T {
  const original = Object.getOwnPropertyDescriptor(process, "emitWarning");
  if (original === undefined) return load();
  const emitWarning = process.emitWarning.bind(process) as (...warning: unknown[]) => void;
  const emitOthers = (...warning: unknown[]): void => {
    if (!String(warning[0]).startsWith("SQLite is an experimental feature"))
      emitWarning(...warning);
  };
  Object.defineProperty(process, "emitWarning", { ...original, value: emitOthers });
  try {
    return load();
  } finally {
    Object.defineProperty(process, "emitWarning", original);
  }
}
