import type { mongo } from "mongoose";
import { decodeSettings, fieldsOf, type SettingsChange } from "../../../model/sync-settings.ts";
import type { SettingsPort, StoredSettings } from "../../settings-port.ts";
import { type StateDocument, stateOf } from "./collections.ts";
import type { MongoConnection } from "./mongo-connection.ts";
import { msOrNull } from "./shadow-row.ts";

/** As it is found: another hand may have edited any field. */
interface SettingsDocument extends StateDocument {
  readonly revision?: number;
  readonly settings?: Readonly<Record<string, unknown>>;
}

const ID = "settings";

/** Settings as one document beside the store's identity. */
export class MongoSettings implements SettingsPort {
  readonly #connection: MongoConnection;

  constructor(connection: MongoConnection) {
    this.#connection = connection;
  }

  async read(): Promise<StoredSettings> {
    const document = await this.#connection.call("read the settings", (database) =>
      stateOf<SettingsDocument>(database).findOne({ _id: ID }),
    );
    return decode(document);
  }

  async change(
    change: SettingsChange,
    { atMs, by }: { readonly atMs: number; readonly by: string },
  ): Promise<StoredSettings> {
    const named = Object.entries(change);
    if (named.length === 0) return this.read();
    const at = new Date(atMs);
    const set = named.flatMap(([name, value]) =>
      value === null ? [] : [[`settings.${name}`, { value, at, by }]],
    );
    const unset = named.flatMap(([name, value]) =>
      value === null ? [[`settings.${name}`, ""]] : [],
    );
    const update: mongo.Document = {
      $inc: { revision: 1 },
      ...(set.length === 0 ? {} : { $set: Object.fromEntries(set) as mongo.Document }),
      ...(unset.length === 0 ? {} : { $unset: Object.fromEntries(unset) as mongo.Document }),
    };
    const document = await this.#connection.call("change the settings", (database) =>
      stateOf<SettingsDocument>(database).findOneAndUpdate({ _id: ID }, update, {
        upsert: true,
        returnDocument: "after",
      }),
    );
    return decode(document);
  }
}

function decode(document: SettingsDocument | null): StoredSettings {
  const { revision, settings } = document ?? {};
  return {
    revision: typeof revision === "number" ? revision : 0,
    settings: decodeSettings(fieldsOf(settings), ({ at }) => msOrNull(at) ?? 0),
  };
}
