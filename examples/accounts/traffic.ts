import type { AccountsApp } from "./accounts-app.ts";
import type { Documents, Draw } from "./documents.ts";

/** What the traffic wrote; where a bug is switched on, these are the copies that it spoiled. */
export interface Written {
  readonly users: readonly string[];
  readonly closed: readonly string[];
  readonly sessions: readonly string[];
  readonly settings: readonly string[];
}

/** So many writes to different documents, nine of ten to users; the others share the rest. */
export async function runTraffic(
  app: AccountsApp,
  { users, sessions, settings }: Documents,
  { draw, writes }: { readonly draw: Draw; readonly writes: number },
): Promise<Written> {
  const shuffled = <T>(all: readonly T[], count: number): readonly T[] =>
    all
      .map((one) => ({ one, place: draw() }))
      .sort((left, right) => left.place - right.place)
      .slice(0, count)
      .map(({ one }) => one);
  const tenth = Math.ceil(writes / 30);
  const chosen = shuffled(users, writes - 2 * tenth);
  const closed = app.bug === "race" ? [] : chosen.slice(0, tenth);
  const renamed = chosen.slice(closed.length);
  const touched = app.bug === "race" ? [] : shuffled(sessions, tenth);
  const changed = app.bug === "race" ? [] : shuffled(settings, tenth);

  for (const { _id } of closed) await app.closeAccount(_id);
  for (const { _id, name } of renamed) await app.rename(_id, `${name} (renamed)`);
  for (const { _id, lastSeenAt } of touched) {
    await app.touchSession(_id, new Date(lastSeenAt.getTime() + 60_000));
  }
  for (const { _id, value } of changed) await app.changeSetting(_id, `${value}-changed`);
  const idsOf = (all: readonly { readonly _id: string }[]) => all.map(({ _id }) => _id).sort();
  return {
    users: idsOf(renamed),
    closed: idsOf(closed),
    sessions: idsOf(touched),
    settings: idsOf(changed),
  };
}
