import { loadSqlite } from "../../src/store/drivers/sqlite/load-sqlite.ts";
import type { OutsideHand } from "./outside-hand.ts";

/** The file lies in the demonstration's own folder, which is removed as a whole. */
export function sqliteHand(file: string): OutsideHand {
  return {
    async countStanding() {
      return 0;
    },
    async begin() {},
    async overwrite(key, value) {
      const { DatabaseSync } = await loadSqlite();
      const database = new DatabaseSync(file);
      try {
        database.exec("PRAGMA busy_timeout = 2000");
        const update = database.prepare("UPDATE kvshadow SET value = ? WHERE key = ?");
        const { changes } = update.run(Buffer.from(value), Buffer.from(key));
        if (Number(changes) !== 1) throw new Error(`${key} is not in the store.`);
      } finally {
        database.close();
      }
    },
    async remove() {},
    async close() {},
  };
}
