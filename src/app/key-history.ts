import type { Config } from "../config/schema.ts";
import { Historian } from "../history/historian.ts";
import { HistoryRing } from "../history/history-ring.ts";
import { KeptHistory } from "../history/kept-history.ts";
import { KeyExplainer, type KeyExplainerParts } from "../history/key-explainer.ts";
import type { Inspection } from "../verify/looker.ts";
import type { OnRepaired } from "../verify/repairer.ts";
import type { Environment } from "./environment.ts";
import type { OpenedStore } from "./open-store.ts";

/** What hears of keys, and what tells of them. */
export interface KeyHistory {
  readonly historian: Historian;
  readonly kept: KeptHistory;
  readonly onIssue: (inspection: Inspection) => void;
  readonly onRepaired: OnRepaired;
  readonly onUndone: OnRepaired;
  explainer(looksAt: Pick<KeyExplainerParts, "cache" | "outbox" | "store">): KeyExplainer;
}

/** `by` names this process, for people. */
export function keyHistory(
  config: Config,
  { clock, random, logger: log }: Environment,
  { records }: OpenedStore,
  by: string,
): KeyHistory {
  const keptForMs = config.historyRetentionHours * 3_600_000;
  const ring = new HistoryRing({
    eventsMax: config.historyEvents,
    perKeyMax: config.historyEventsPerKey,
  });
  const kept = new KeptHistory({
    records,
    clock,
    random,
    log,
    by,
    retentionMs: keptForMs,
    eventsMax: config.historyKept,
  });
  const historian = new Historian({ ring, kept, clock });
  return {
    historian,
    kept,
    onIssue: ({ look, verdict }) => {
      const version = look.cache.meta?.version ?? look.shadow?.version ?? null;
      const { copyClass, cause } = verdict;
      historian.note(look.cache.key, { what: "drift", how: copyClass, version, note: cause });
    },
    onRepaired: (key, done) => historian.note(key, { what: "repaired", ...done }),
    onUndone: (key, done) => historian.note(key, { what: "undone", ...done }),
    explainer: (looksAt) => {
      const { keyMaxBytes } = config;
      return new KeyExplainer({ ...looksAt, ring, kept, clock, by, keptForMs, keyMaxBytes });
    },
  };
}
