import type { RecoveryReport } from "./recovery-stats.ts";

/** What a person should know of a Redis that has lost acknowledged writes, each a sentence. */
export function lossWarnings({ lost }: RecoveryReport): readonly string[] {
  if (lost === 0) return [];
  return [
    `Redis has lost ${lost} writes that this process had acknowledged from the journal; hybrid_sync_stats lists the latest by key. Let Redis keep its data on disk (appendonly yes), or write with ack "shadow".`,
  ];
}
