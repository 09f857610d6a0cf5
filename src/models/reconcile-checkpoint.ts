import { createHash } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { isRecord } from "../lib/is-record.ts";
import type { RecordsPort } from "../store/records-port.ts";
import type { Model } from "./model.ts";

/**
 * Where a reconciliation goes on: after a document, at a cursor of a scan of the keys, or, once the end of both was reached,
 * with the keys that were locked.
 */
export type ReconcilePlace =
  | { readonly phase: "documents"; readonly after: string | undefined }
  | { readonly phase: "keys"; readonly cursor: string | undefined }
  | { readonly phase: "locked" };

export interface KeptProgress {
  readonly place: ReconcilePlace;
  /** Keys before that place that were locked when they were met, and are yet to be settled. */
  readonly locked: readonly string[];
}

export const FIRST_PLACE: ReconcilePlace = { phase: "documents", after: undefined };

const NOTHING_DONE: KeptProgress = { place: FIRST_PLACE, locked: [] };

const KIND = "model_checkpoint";

/** What was left undone so long ago is begun anew. */
const KEPT_MS = 24 * 3_600_000;

/**
 * How far the reconciliation of a model has come, kept so that the next one goes on where this one stopped or died. Of
 * several at once, the one that writes first keeps it, and the others leave it alone: what they repeat does no harm.
 */
export class ReconcileCheckpoint {
  readonly #records: RecordsPort;
  readonly #clock: Clock;
  readonly #model: Model;
  readonly #run: string;
  #revision = 0;
  #isOurs = true;

  constructor(
    parts: { readonly records: RecordsPort; readonly clock: Clock },
    { model, force }: { readonly model: Model; readonly force: boolean },
  ) {
    this.#records = parts.records;
    this.#clock = parts.clock;
    this.#model = model;
    this.#run = runOf(model, force);
  }

  /** Where to begin. What was left by a run with another `force`, or of a model that was declared otherwise, does not count. */
  async read(): Promise<KeptProgress> {
    const record = await this.#records.get(KIND, this.#model.name);
    this.#revision = record?.revision ?? 0;
    if (record === undefined || record.body["run"] !== this.#run) return NOTHING_DONE;
    const place = placeOf(record.body["place"]);
    return place === undefined ? NOTHING_DONE : { place, locked: textsIn(record.body["locked"]) };
  }

  /** Keeps a place; undefined where the end has been reached. */
  async write(place: ReconcilePlace | undefined, locked: readonly string[]): Promise<void> {
    if (!this.#isOurs) return;
    const nowMs = this.#clock.nowMs();
    const { name } = this.#model;
    this.#isOurs = await this.#records.replace(
      {
        kind: KIND,
        id: name,
        group: name,
        atMs: nowMs,
        expiresAtMs: nowMs + KEPT_MS,
        body: { run: this.#run, place: place === undefined ? null : bodyOf(place), locked },
      },
      this.#revision,
    );
    this.#revision += 1;
  }
}

/** Equal for two runs of which one may go on where the other was: what comes before the place would be settled alike. */
function runOf(model: Model, force: boolean): string {
  const declared = JSON.stringify([force, { ...model, key: model.key.text }]);
  return createHash("sha256").update(declared).digest("hex");
}

function bodyOf(place: ReconcilePlace): Readonly<Record<string, unknown>> {
  switch (place.phase) {
    case "documents":
      return { phase: "documents", at: place.after ?? null };
    case "keys":
      return { phase: "keys", at: place.cursor ?? null };
    case "locked":
      return { phase: "locked" };
  }
}

function placeOf(body: unknown): ReconcilePlace | undefined {
  if (!isRecord(body)) return undefined;
  const at = typeof body["at"] === "string" ? body["at"] : undefined;
  switch (body["phase"]) {
    case "documents":
      return { phase: "documents", after: at };
    case "keys":
      return { phase: "keys", cursor: at };
    case "locked":
      return { phase: "locked" };
    default:
      return undefined;
  }
}

function textsIn(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((one) => typeof one === "string") : [];
}
