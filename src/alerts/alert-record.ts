import { z } from "zod";
import type { KeptRecord, NewRecord } from "../store/records-port.ts";

const state = z.enum(["good", "issues", "failed"]);

const bodySchema = z.object({
  /** What the latest check has found, and since when checks have found that. */
  state,
  sinceMs: z.number(),
  /** What each sink was last told, by its name. */
  told: z.record(z.string(), z.object({ state, atMs: z.number() })),
  /** Who is telling the sinks just now, and until when that is to be believed. */
  claim: z.object({ by: z.string(), untilMs: z.number() }).nullable(),
});

/** What has been told to whom, one for all processes of a store. */
export type AlertRecord = Readonly<z.output<typeof bodySchema>>;

export const ALERT_RECORD = { kind: "alert_state", id: "health_check" } as const;

/** Before the first check nothing was wrong, and nobody was told anything. */
export const FIRST_ALERT_RECORD: AlertRecord = {
  state: "good",
  sinceMs: 0,
  told: {},
  claim: null,
};

/** What another release has kept in a form that this one does not know counts as nothing. */
export function readAlertRecord(record: KeptRecord | undefined): AlertRecord {
  return bodySchema.safeParse(record?.body).data ?? FIRST_ALERT_RECORD;
}

export function keptAlertRecord(record: AlertRecord, atMs: number): NewRecord {
  return { ...ALERT_RECORD, group: "", atMs, expiresAtMs: null, body: { ...record } };
}

/** With what a process has told while the store could not keep it: of each sink, the later. */
export function mergeAlertRecords(kept: AlertRecord, own: AlertRecord): AlertRecord {
  const told = { ...kept.told };
  for (const [sink, one] of Object.entries(own.told)) {
    const other = told[sink];
    if (other === undefined || other.atMs < one.atMs) told[sink] = one;
  }
  const latest = own.sinceMs > kept.sinceMs ? own : kept;
  return { state: latest.state, sinceMs: latest.sinceMs, told, claim: kept.claim };
}
