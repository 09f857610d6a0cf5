import { decodeSettings, fieldsOf, type SettingsChange } from "../../../model/sync-settings.ts";
import type { SettingsPort, StoredSettings } from "../../settings-port.ts";
import type { SqliteDatabase } from "./sqlite-database.ts";

const READ = "SELECT value FROM state WHERE name = 'settings'";

const KEEP = `
INSERT INTO state (name, value) VALUES ('settings', ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

/** Settings as one JSON text in the state table. */
export class SqliteSettings implements SettingsPort {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async read(): Promise<StoredSettings> {
    return this.#read();
  }

  async change(
    change: SettingsChange,
    { atMs, by }: { readonly atMs: number; readonly by: string },
  ): Promise<StoredSettings> {
    if (Object.keys(change).length === 0) return this.#read();
    return this.#database.write(() => {
      const { revision, settings } = this.#read();
      const kept: Record<string, unknown> = { ...settings };
      for (const [name, value] of Object.entries(change)) {
        if (value === null) delete kept[name];
        else kept[name] = { value, atMs, by };
      }
      const text = JSON.stringify({ revision: revision + 1, settings: kept });
      this.#database.query(KEEP).run(text);
      return this.#read();
    });
  }

  #read(): StoredSettings {
    const row = this.#database.query<{ value: unknown }>(READ).get();
    const { revision, settings } = parsed(row?.value);
    return {
      revision: typeof revision === "number" ? revision : 0,
      settings: decodeSettings(fieldsOf(settings), ({ atMs }) => Number(atMs)),
    };
  }
}

/** A text that another hand has broken says nothing. */
function parsed(text: unknown): Readonly<Record<string, unknown>> {
  if (typeof text !== "string") return {};
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return {};
  }
}
