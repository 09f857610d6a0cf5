import type { Clock } from "../lib/clock.ts";
import { isRecord } from "../lib/is-record.ts";
import type { RecordsPort } from "../store/records-port.ts";
import type { Model } from "./model.ts";

/** Where a reconciliation goes on: after a document, or at a cursor of a scan of the keys. */
export type ReconcilePlace =
  | { readonly phase: "documents"; readonly after: string | undefined }
  | { readonly phase: "keys"; readonly cursor: string | undefined };

export const FIRST_PLACE: ReconcilePlace = { phase: "documents", after: undefined };

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
  readonly #force: boolean;
  #revision = 0;
  #isOurs = true;

  constructor(
    parts: { readonly records: RecordsPort; readonly clock: Clock },
    { model, force }: { readonly model: Model; readonly force: boolean },
  ) {
    this.#records = parts.records;
    this.#clock = parts.clock;
    this.#model = model;
    this.#force = force;
  }

  /** Where to begin. What was left by a run with another `force`, or with another form of key, does not count. */
  async read(): Promise<ReconcilePlace> {
    const record = await this.#records.get(KIND, this.#model.name);
    this.#revision = record?.revision ?? 0;
    if (record === undefined || record.body["run"] !== this.#run()) return FIRST_PLACE;
    return placeOf(record.body["place"]) ?? FIRST_PLACE;
  }

  /** Keeps a place; undefined where the end has been reached. */
  async write(place: ReconcilePlace | undefined): Promise<void> {
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
        body: { run: this.#run(), place: place === undefined ? null : bodyOf(place) },
      },
      this.#revision,
    );
    this.#revision += 1;
  }

  #run(): string {
    const { key, collection } = this.#model;
    return JSON.stringify([
      this.#force,
      key.text,
      collection.database ?? null,
      collection.collection,
    ]);
  }
}

function bodyOf(place: ReconcilePlace): Readonly<Record<string, unknown>> {
  return place.phase === "documents"
    ? { phase: "documents", at: place.after ?? null }
    : { phase: "keys", at: place.cursor ?? null };
}

function placeOf(body: unknown): ReconcilePlace | undefined {
  if (!isRecord(body)) return undefined;
  const at = typeof body["at"] === "string" ? body["at"] : undefined;
  if (body["phase"] === "keys") return { phase: "keys", cursor: at };
  return body["phase"] === "documents" ? { phase: "documents", after: at } : undefined;
}
