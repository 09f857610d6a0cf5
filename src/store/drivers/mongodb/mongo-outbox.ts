import type { mongo } from "mongoose";
import type { Clock } from "../../../lib/clock.ts";
import { GroupedCalls } from "../../../lib/grouped-calls.ts";
import type { Log } from "../../../lib/log.ts";
import type { Random } from "../../../lib/random.ts";
import { bucketOf } from "../../../model/bucket.ts";
import type { Entry } from "../../../model/entry.ts";
import { LockstepError } from "../../../model/lockstep-error.ts";
import type { BucketPage, GivenBack, OutboxEvent, OutboxPort } from "../../outbox-port.ts";
import { beginLife, earlierLife, lifeLeftMs, type StatementLife } from "../../statement-life.ts";
import { eachBulk, sendBulk, toBulks } from "./bulk.ts";
import { OUTBOX, outboxOf } from "./collections.ts";
import { KEYS_PER_LOOKUP, keyBatches, LOOKUPS_AT_ONCE } from "./key-batches.ts";
import type { MongoConnection } from "./mongo-connection.ts";
import {
  decodeEvent,
  decodeLetter,
  encodeEvent,
  type OutboxDocument,
  type StoredEvent,
  toObjectIds,
} from "./outbox-document.ts";
import {
  cursorAt,
  isAfter,
  listParked,
  PARKED,
  type Place,
  parkDocuments,
  placeOf,
  replayParked,
} from "./parked-documents.ts";
import { msOrNull } from "./shadow-row.ts";

/** How often a claim looks again where other owners took all that it had found, or none of it could be read. */
const CLAIM_ROUNDS_MAX = 5;

/**
 * Appends of single events that are under way at once, and how many one of them carries: under high load every write is
 * one, and each alone would take a connection for the length of a journaled commit.
 */
const APPENDS_AT_ONCE = 2;
const EVENTS_PER_APPEND = 200;

/** As many events as are read to learn of which keys any wait at all, where more keys are asked for than that. */
const FEW_EVENTS = 100;

interface Append {
  readonly entry: Entry;
  readonly life: StatementLife;
}

/** Not processed, readable as far as known, and held by no live lease: all by the server's clock. */
const CLAIMABLE: mongo.Filter<mongo.Document> = {
  processed: false,
  state: { $ne: "dead" },
  // Null and a missing field come before every date.
  $expr: { $lte: ["$leaseUntil", "$$NOW"] },
};

/** Events in the collection `outbox`. */
export class MongoOutbox implements OutboxPort {
  readonly #connection: MongoConnection;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #reads: GroupedCalls<string, ReadonlyMap<string, readonly OutboxEvent[]>>;
  readonly #appends: GroupedCalls<Append, "appended" | "alone">;

  constructor(options: {
    readonly connection: MongoConnection;
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
  }) {
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#reads = new GroupedCalls({
      callsMax: LOOKUPS_AT_ONCE,
      itemsMax: KEYS_PER_LOOKUP,
      call: (keys) => this.#unprocessedOfMany(keys),
    });
    this.#appends = new GroupedCalls({
      callsMax: APPENDS_AT_ONCE,
      itemsMax: EVENTS_PER_APPEND,
      call: (appends) => this.#appendTogether(appends),
    });
  }

  async append(
    entries: readonly Entry[],
    life: StatementLife = beginLife(this.#clock),
  ): Promise<void> {
    const [entry] = entries;
    if (entry === undefined) return;
    const how = entries.length > 1 ? "alone" : await this.#appends.with({ entry, life });
    if (how === "alone") await this.#insert(entries, life);
  }

  async claim(request: {
    readonly owner: string;
    readonly limit: number;
    readonly leaseMs: number;
  }): Promise<readonly OutboxEvent[]> {
    // To MongoDB, a limit of 0 is none at all.
    if (request.limit <= 0) return [];
    for (let round = 1; round <= CLAIM_ROUNDS_MAX; round += 1) {
      const taken = await this.#connection.call("claim events", (database) =>
        this.#takeSome(database, request),
      );
      if (taken === "none left") return [];
      const events = await this.#readable(taken);
      if (events.length > 0) return events;
    }
    return [];
  }

  async markProcessed(ids: readonly string[]): Promise<void> {
    const _id = { $in: toObjectIds(ids) };
    await this.#connection.call("mark events as processed", (database) =>
      outboxOf(database).updateMany(
        { _id, processed: false },
        {
          $set: { processed: true, state: "done", owner: null, claim: null, leaseUntil: null },
          $unset: { cause: "", deadAt: "" },
          // The index that removes it counts from here, by the same clock.
          $currentDate: { processedAt: true },
        },
      ),
    );
  }

  async release(ids: readonly string[], retryAfterMs: number, why: GivenBack): Promise<void> {
    const _id = { $in: toObjectIds(ids) };
    const released = {
      attempts: { $add: [{ $ifNull: ["$attempts", 0] }, why === "refused" ? 1 : 0] },
      owner: null,
      claim: null,
      leaseUntil: { $add: ["$$NOW", retryAfterMs] },
    };
    await this.#connection.call("release events", (database) =>
      outboxOf(database).updateMany({ _id, processed: false, state: { $ne: "dead" } }, [
        { $set: released },
      ]),
    );
  }

  async park(ids: readonly string[], cause: string): Promise<void> {
    const _id = { $in: toObjectIds(ids) };
    await this.#connection.call("park events", (database) =>
      parkDocuments(database, { _id, processed: false, state: { $ne: "dead" } }, cause),
    );
  }

  async deadLetters(page: { readonly limit: number; readonly cursor?: string }) {
    const after = placeOf(page.cursor);
    const documents = await this.#connection.call("list parked events", (database) =>
      listParked(database, after, page.limit + 1),
    );
    const shown = documents.slice(0, page.limit);
    return {
      letters: shown.map(decodeLetter),
      // One more than asked for tells whether there are more.
      cursor: documents.length > page.limit ? cursorAt(shown.at(-1), after) : undefined,
    };
  }

  async countDead(): Promise<number> {
    return this.#connection.call("count parked events", (database) =>
      outboxOf(database).countDocuments(PARKED),
    );
  }

  async replay(request: {
    readonly ids?: readonly string[];
    readonly limit: number;
  }): Promise<number> {
    return this.#connection.call("replay events", (database) => replayParked(database, request));
  }

  async unprocessedOf(
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, readonly OutboxEvent[]>> {
    const [key] = keys;
    if (key === undefined || keys.length > 1) return this.#unprocessedOfMany(keys);
    const events = (await this.#reads.with(key)).get(key);
    return new Map(events === undefined ? [] : [[key, events]]);
  }

  async unprocessedIn({ bucket, limit, cursor }: BucketPage) {
    const place = placeOf(cursor);
    const documents = await this.#connection.call("read events of a bucket", (database) =>
      listUnprocessed(database, bucket, place, limit),
    );
    return {
      events: documents
        .flatMap((document) => decodeEvent(document) ?? [])
        .filter(({ entry }) => bucketOf(entry.key) === bucket),
      cursor: documents.length < limit ? undefined : cursorAt(documents.at(-1), place),
    };
  }

  async countUnprocessed(): Promise<number> {
    return this.#connection.call("count events", (database) =>
      outboxOf(database).countDocuments({ processed: false }),
    );
  }

  async #insert(entries: readonly Entry[], life: StatementLife): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const events = entries.map((entry) => encodeEvent(entry, nowMs));
    await eachBulk(toBulks(events, eventTextBytes), async (documents) => {
      await this.#connection.callOnce("append events", (database) => {
        // An insert cannot be conditional, so this is the last look at the time.
        lifeLeftMs(life, this.#clock);
        return sendBulk(database, { insert: OUTBOX, documents });
      });
    });
  }

  /** "alone": one that is refused or too late speaks for itself only, so each is to be appended again by itself. */
  async #appendTogether(appends: readonly Append[]): Promise<"appended" | "alone"> {
    const life = appends.map((append) => append.life).reduce(earlierLife);
    try {
      await this.#insert(
        appends.map(({ entry }) => entry),
        life,
      );
      return "appended";
    } catch (error) {
      const isOfOne = ["DOCUMENT_REFUSED", "WRITE_EXPIRED"].includes(
        LockstepError.codeOf(error) ?? "",
      );
      if (isOfOne && appends.length > 1) return "alone";
      throw error;
    }
  }

  async #unprocessedOfMany(
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, readonly OutboxEvent[]>> {
    const found = new Map<string, OutboxEvent[]>();
    for (const some of keyBatches(await this.#maybeWaiting(keys))) {
      const documents = await this.#connection.call("read events of keys", (database) =>
        outboxOf(database)
          .find({ "payload.key": { $in: some }, processed: false })
          .toArray(),
      );
      for (const event of oldestFirst(documents).flatMap(
        (document) => decodeEvent(document) ?? [],
      )) {
        const ofKey = found.get(event.entry.key);
        if (ofKey === undefined) found.set(event.entry.key, [event]);
        else ofKey.push(event);
      }
    }
    return found;
  }

  /**
   * Of these keys, those of which an event may wait. Mostly few events wait, or none: then to read the keys of all of them
   * is far less work, for both sides, than to look up a thousand keys.
   */
  async #maybeWaiting(keys: readonly string[]): Promise<readonly string[]> {
    if (keys.length <= FEW_EVENTS) return keys;
    const waiting = await this.#connection.call("read keys of events", (database) =>
      outboxOf(database)
        .find<{ readonly payload?: { readonly key?: unknown } }>(
          { processed: false },
          { projection: { _id: 0, "payload.key": 1 }, limit: FEW_EVENTS, batchSize: FEW_EVENTS },
        )
        .toArray(),
    );
    if (waiting.length === FEW_EVENTS) return keys;
    const keysWaiting = new Set(waiting.map(({ payload }) => payload?.key));
    return keys.filter((key) => keysWaiting.has(key));
  }

  /**
   * Looks for candidates, leases those that are still free, and unless it got them all reads back which ones they were. The
   * condition is judged again for each event as it is leased, so no event goes to two owners.
   */
  async #takeSome(
    database: mongo.Db,
    { owner, limit, leaseMs }: { owner: string; limit: number; leaseMs: number },
  ): Promise<readonly OutboxDocument[] | "none left"> {
    const outbox = outboxOf(database);
    // Sorted by `ts` alone, as the index is: events of one millisecond come in the order of their insertion.
    const candidates = await outbox
      .find(CLAIMABLE, { sort: { ts: 1 }, limit, batchSize: limit })
      .toArray();
    if (candidates.length === 0) return "none left";
    const claim = this.#random.hex(8);
    const _id = { $in: candidates.map((candidate) => candidate._id) };
    const leased = {
      owner: { $literal: owner },
      claim,
      leaseUntil: { $add: ["$$NOW", leaseMs] },
    };
    const { modifiedCount } = await outbox.updateMany({ _id, ...CLAIMABLE }, [{ $set: leased }]);
    // All of them: what was read of them is what they are, except for the lease, which nobody asks for.
    if (modifiedCount === candidates.length) return candidates;
    const taken = await outbox.find({ _id, claim, processed: false }).toArray();
    // A lookup by id does not keep the order of the candidates.
    const byId = new Map(taken.map((document) => [String(document._id), document]));
    return candidates.flatMap((candidate) => byId.get(String(candidate._id)) ?? []);
  }

  /** Leaves out what cannot be read, and marks it so that it is in nobody's way. */
  async #readable(documents: readonly OutboxDocument[]): Promise<readonly OutboxEvent[]> {
    const events: OutboxEvent[] = [];
    const unreadable: OutboxDocument["_id"][] = [];
    for (const document of documents) {
      const event = decodeEvent(document);
      if (event === undefined) unreadable.push(document._id);
      else events.push(event);
    }
    if (unreadable.length > 0) {
      await this.#connection.call("set events aside", (database) =>
        parkDocuments(
          database,
          { _id: { $in: unreadable }, processed: false },
          "The document does not say which version of which key has which value.",
        ),
      );
      this.#log.warn(
        { ids: unreadable.map(String) },
        "Outbox events that cannot be read were set aside.",
      );
    }
    return events;
  }
}

/** An index gives the events of one key in the order of their insertion, which stands within a millisecond. */
function oldestFirst(documents: readonly OutboxDocument[]): readonly OutboxDocument[] {
  return documents.toSorted((one, other) => (msOrNull(one.ts) ?? 0) - (msOrNull(other.ts) ?? 0));
}

function eventTextBytes({ payload: { key, value } }: OutboxDocument): number {
  return Buffer.byteLength(key) + Buffer.byteLength(value ?? "");
}

/** In the order of their `_id`. People may have inserted events that name no bucket. */
function listUnprocessed(
  database: mongo.Db,
  bucket: number,
  place: Place,
  limit: number,
): Promise<StoredEvent[]> {
  const which = { processed: false, "payload.bucket": { $in: [bucket, null] }, ...isAfter(place) };
  return outboxOf(database)
    .find(which as mongo.Filter<OutboxDocument>, { sort: { _id: 1 }, limit, batchSize: limit })
    .toArray();
}
