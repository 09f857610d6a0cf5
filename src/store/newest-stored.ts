import { type Entry, newerOf } from "../model/entry.ts";
import type { OutboxPort } from "./outbox-port.ts";
import type { StorePort } from "./store-port.ts";

export interface NewestStored {
  readonly entry: Entry;
  readonly from: "shadow" | "outbox";
}

/**
 * The newest of a key's unprocessed events and its row. Events before the row: one that is applied between the two reads
 * is then seen in the row.
 */
export async function newestStored(
  {
    store,
    outbox,
  }: {
    readonly store: Pick<StorePort, "get">;
    readonly outbox: Pick<OutboxPort, "unprocessedOf">;
  },
  key: string,
): Promise<NewestStored | undefined> {
  const events = (await outbox.unprocessedOf([key])).get(key) ?? [];
  const row: Entry | undefined = await store.get(key);
  const all = [...(row === undefined ? [] : [row]), ...events.map((event) => event.entry)];
  const [first, ...others] = all;
  if (first === undefined) return undefined;
  const entry = others.reduce((newest, other) => newerOf(other, newest), first);
  return { entry, from: entry.version === row?.version ? "shadow" : "outbox" };
}
