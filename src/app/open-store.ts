import type { Config } from "../config/schema.ts";
import type { BucketStatesPort } from "../store/bucket-states-port.ts";
import type { ModelDocumentsPort } from "../store/model-documents-port.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import type { PurgePort } from "../store/purge-port.ts";
import type { RecordsPort } from "../store/records-port.ts";
import type { SettingsPort } from "../store/settings-port.ts";
import type { StoreAuthorityPort } from "../store/store-authority-port.ts";
import type { StorePort } from "../store/store-port.ts";
import type { Environment } from "./environment.ts";

export interface OpenedStore {
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly authority: StoreAuthorityPort;
  readonly settings: SettingsPort;
  readonly bucketStates: BucketStatesPort;
  readonly purge: PurgePort;
  readonly records: RecordsPort;
  /** The collections of applications, where the store is a MongoDB. */
  readonly modelDocuments?: ModelDocumentsPort;
  /** Where the data lies, for people; no credentials. */
  readonly description: string;
}

/**
 * MongoDB where its URI is given, else the SQLite file. The driver's module is loaded only when it is used. MongoDB is
 * connected by the first call, so that the server starts while it is down; the file is opened here.
 * Errors: CONFIG_INVALID, SCHEMA_TOO_NEW, STORE_UNAVAILABLE (the file cannot be opened).
 */
export async function openStore(
  config: Config,
  { clock, random, logger, backends }: Environment,
): Promise<OpenedStore> {
  if (backends?.store !== undefined) return backends.store;
  const graceMs = config.tombstoneGraceHours * 3_600_000;
  // A purge asks which writes were applied within the grace time, which only their events can tell.
  const retentionMs = Math.max(config.outboxRetentionHours * 3_600_000, graceMs);
  if (config.mongodbUri !== undefined) {
    const { openMongo } = await import("../store/drivers/mongodb/open-mongo.ts");
    const opened = openMongo({
      uri: config.mongodbUri,
      graceMs,
      retentionMs,
      clock,
      random,
      log: logger,
    });
    return { ...opened, description: `MongoDB at ${hostsOf(config.mongodbUri)}` };
  }
  const { openSqlite } = await import("../store/drivers/sqlite/open-sqlite.ts");
  const opened = await openSqlite({
    file: config.sqliteFile,
    // Shorter than a direct write may take, so that its caller hears that nothing was written, and not that nobody knows.
    lockWaitMs: config.syncTimeoutMs * 0.75,
    graceMs,
    retentionMs,
    clock,
    random,
  });
  return { ...opened, description: `SQLite file ${config.sqliteFile}` };
}

/** Hosts and database of a connection string, without user, password and options. */
function hostsOf(uri: string): string {
  const rest = uri.slice(uri.indexOf("://") + 3).split("?", 1)[0] ?? "";
  return rest.slice(rest.lastIndexOf("@") + 1);
}
