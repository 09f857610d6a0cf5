import type { Entry, ShadowEntry, SyncMethod } from "../../src/model/entry.ts";
import { RECORDS_MAX } from "../../src/model/idempotency.ts";
import type { StorePort } from "../../src/store/store-port.ts";
import { entryOf, ODD_VALUES, recordNo, versionNo } from "../contract/entries.ts";
import type { SeededRandom } from "./seeded-random.ts";

const ODD_KEYS = ["a\nb", '{"key":1}', "\u0000", "ключ", "a b", "$key", "\ufeffkey", "\u2028"];

const SHORT_ODD_VALUES = ODD_VALUES.map(([, value]) => value).filter(
  ({ length }) => length < 1_000,
);

/** No test lasts that long. */
const FAR_OFF_MS = Date.UTC(2100, 0, 1);

/** Rows of every kind that a store may hold: odd texts, tombstones, TTLs, writers' ids, idempotency records, epochs. */
export function randomRows(
  random: SeededRandom,
  count: number,
): readonly { readonly entry: Entry; readonly method: SyncMethod }[] {
  return Array.from({ length: count }, (_, at) => {
    const key = random.fraction() < 0.2 ? `${random.pick(ODD_KEYS)}${at}` : `key:${at}`;
    const value = random.fraction() < 0.2 ? null : random.pick(SHORT_ODD_VALUES);
    const wroteWithId = random.fraction() < 0.2;
    const records = Array.from({ length: 1 + random.integer(RECORDS_MAX) }, (__, record) =>
      recordNo(record),
    );
    const entry = entryOf({
      key,
      value,
      version: versionNo(random.integer(1_000_000), 1 + random.integer(3)),
      expiresAtMs: random.fraction() < 0.2 ? FAR_OFF_MS + random.integer(1_000) : null,
      sessionId: random.fraction() < 0.3 ? random.pick(SHORT_ODD_VALUES) : null,
      interactionId: random.fraction() < 0.3 ? `interaction ${at}` : null,
      ...(wroteWithId ? { idempotency: records } : {}),
    });
    return { entry, method: random.pick(["ASYNC_THREAD", "EVENT_BASED"] as const) };
  });
}

/** Puts them into a store as they are. */
export async function fill(store: StorePort, rows: ReturnType<typeof randomRows>): Promise<void> {
  for (const method of ["ASYNC_THREAD", "EVENT_BASED"] as const) {
    const some = rows.filter((row) => row.method === method).map(({ entry }) => entry);
    await store.applyNewer(some, method);
  }
}

/** All rows of a store in key order, all as if they had arrived there at once. */
export async function allRows(store: StorePort): Promise<readonly ShadowEntry[]> {
  const rows: ShadowEntry[] = [];
  for (let afterKey = ""; ; ) {
    const page = await store.scan({ afterKey, limit: 1_000 });
    rows.push(...page.map((row) => ({ ...row, syncedAtMs: 0 })));
    const last = page.at(-1);
    if (last === undefined) return rows;
    afterKey = last.key;
  }
}
