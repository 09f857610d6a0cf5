import type { CacheAuthorityPort } from "../cache/cache-authority-port.ts";
import type { CacheBucket, LostCopy } from "../cache/cache-buckets-port.ts";
import { chunksOf } from "../lib/chunks-of.ts";
import type { Clock } from "../lib/clock.ts";
import { settled, within } from "../lib/deadline.ts";
import type { Log } from "../lib/log.ts";
import { bucketOf } from "../model/bucket.ts";
import { isFinal, LockstepError } from "../model/lockstep-error.ts";
import { epochOf, FIRST_EPOCH, formatVersion, seqOf, type Version } from "../model/version.ts";
import type { BucketState, BucketStatesPort, RowVersion } from "../store/bucket-states-port.ts";
import type { OutboxPort } from "../store/outbox-port.ts";
import { beginLife, STATEMENT_LIFE_MS } from "../store/statement-life.ts";
import type { StorePort } from "../store/store-port.ts";
import { applyEvents } from "./apply-around-refusals.ts";
import type { JournalLedger } from "./journal-ledger.ts";
import { type RecoveryReport, RecoveryStats } from "./recovery-stats.ts";

/** Rows, events or keys per step: a script holds the server up for as long as it runs. */
const PAGE = 500;

/** After so many rounds in which the epoch was raised for another Redis, a person is told. */
const CONTESTED_ROUNDS = 3;

/** Beyond the life of a statement: for telling the cache what has landed, and for a clock that is set. Milliseconds. */
const TELLING_MS = 60_000;

/**
 * How long before the last version that a cache has minted it may have minted a write of which it had not been told yet that
 * it has landed, in microseconds.
 */
const UNTOLD_US = (STATEMENT_LIFE_MS + TELLING_MS) * 1000;

/**
 * The same for a write of an earlier epoch, which another Redis may have minted by another clock: an hour. Few rows are of that
 * time, unlike of the cache's own epoch.
 */
const LANDED_LATE_US = 3_600_000_000;

/**
 * So many earlier epochs are looked through for such writes: each that has rows costs two questions. One loss of state ends as
 * many epochs as there are processes that meet it at once.
 */
const EPOCHS_BACK_MAX = 1_000;

/** Below every version. */
const NOTHING: Version = formatVersion(0, 0);

export interface RecoveryParts {
  readonly cache: CacheAuthorityPort;
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly bucketStates: BucketStatesPort;
  readonly ledger: JournalLedger;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a call may wait for a bucket before it is told to come again, milliseconds. */
  readonly waitMs: number;
  /** Hears of each acknowledged write that is gone. */
  readonly onLost?: (write: RowVersion) => void;
}

/**
 * Puts the buckets of a cache right that has lost state: a restart, a failover or a flush may have taken the last
 * writes from it, so what it still holds may be older than what was acknowledged. Any number of processes may do it at
 * once. For each bucket:
 *
 * 1. The store's epoch is raised, so that whatever is minted afterwards is newer than everything before.
 * 2. All events of the bucket are applied, so that the shadow is the newest that the store knows.
 * 3. Cached copies that are older than their rows, or than events that the store refuses, are dropped. Newer than a
 *    copy may be rows above the last version that the cache still knows, and rows below it of which it had not been told
 *    when it saved its state: of its own epoch (unpinned) and of earlier ones, each as far back as a write may land late. If newer rows
 *    than that version were purged, a copy without a row may be one that was deleted since, and is set aside.
 * 4. The server's incarnation and the epoch are installed, if the state is still the one that was found.
 * 5. If the store's epoch has been raised once more meanwhile, all again from 2: with that one where it was raised for this
 *    Redis, else with one of its own. Two Redis servers on one store (a failover that some processes have not noticed)
 *    so deny each other's writes, and never acknowledge under one epoch.
 *
 * Recovery only drops copies and never writes values.
 */
export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #stats = new RecoveryStats();
  readonly #underWay = new Map<number, Promise<void>>();
  readonly #done: Recovered[] = [];
  /** What was taken out of the cache and not told of yet. */
  readonly #dropped: LostCopy[] = [];
  readonly #setAside: LostCopy[] = [];
  /** Buckets of whose store another Redis has been seen to raise the epoch, in this round. */
  readonly #othersAtWork = new Set<number>();
  /** Rounds in a row in which one has been seen. */
  #contestedRounds = 0;
  /** The look at all buckets that is under way, and the one that begins when that has ended. */
  #look: Promise<void> | undefined;
  #nextLook: Promise<void> | undefined;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  get report(): RecoveryReport {
    return this.#stats.report;
  }

  /**
   * For a call that has met a bucket without its state: waits until it works again. The others are recovered too, in
   * the background. Error: RECOVERING where that takes too long, or the store does not answer.
   */
  async whenLost(bucket: number): Promise<void> {
    const { clock, waitMs } = this.#parts;
    const recovered = this.#recoverOnce(bucket);
    this.#inBackground(this.#look ?? this.#beginLook());
    const answer = await within(clock, waitMs, recovered);
    if (answer.outcome === "done") return;
    if (answer.outcome === "failed" && isFinal(answer.error)) throw answer.error;
    const cause = answer.outcome === "failed" ? answer.error : undefined;
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    throw new LockstepError("RECOVERING", `Redis has lost state and is being recovered${why}`, {
      cause,
    });
  }

  /** As {@link recoverAll}, in the background. What fails now is tried again by whoever needs it. */
  lookSoon(): void {
    this.#inBackground(this.recoverAll());
  }

  /**
   * Looks at all buckets and recovers those that need it. A look that is under way may have passed the bucket already for
   * which this is asked, so another follows it, one for all who ask meanwhile. Errors: as the ports.
   */
  recoverAll(): Promise<void> {
    if (this.#look === undefined) return this.#beginLook();
    this.#nextLook ??= this.#lookAfter(this.#look);
    return this.#nextLook;
  }

  async #lookAfter(underWay: Promise<void>): Promise<void> {
    await settled(underWay);
    this.#nextLook = undefined;
    await (this.#look ?? this.#beginLook());
  }

  #beginLook(): Promise<void> {
    this.#look = this.#lookAtAll().finally(() => {
      this.#look = undefined;
      this.#tell();
    });
    return this.#look;
  }

  #inBackground(look: Promise<void>): void {
    look.catch((error: unknown) => {
      this.#parts.log.debug({ err: error }, "Recovery cannot go on now");
    });
  }

  async #lookAtAll(): Promise<void> {
    const { cache, bucketStates } = this.#parts;
    const found = await cache.buckets.states();
    const stored = await bucketStates.read(found.map(({ bucket }) => bucket));
    const needing = found.filter((one, i) => !isRecovered(one, stored[i]));
    await Promise.all(needing.map(({ bucket }) => this.#recoverOnce(bucket)));
    await this.#reportLosses(found.filter((one, i) => isRecovered(one, stored[i])));
  }

  #recoverOnce(bucket: number): Promise<void> {
    const known = this.#underWay.get(bucket);
    if (known !== undefined) return known;
    const recovered = this.#recover(bucket).finally(() => this.#underWay.delete(bucket));
    this.#underWay.set(bucket, recovered);
    return recovered;
  }

  async #recover(bucket: number): Promise<void> {
    const { cache, bucketStates, clock } = this.#parts;
    let raisedFor: string | undefined;
    let wasNew: boolean | undefined;
    for (;;) {
      const [found] = await cache.buckets.states([bucket]);
      const [stored] = await bucketStates.read([bucket]);
      if (found === undefined || stored === undefined)
        throw new TypeError(`There is no bucket ${bucket}.`);
      if (isRecovered(found, stored)) {
        await this.#reportLosses([found]);
        return;
      }
      wasNew ??= await this.#isNew(found, stored);
      // A state that was lost once more meanwhile may be one in which others have minted under the epoch raised before. And
      // an epoch that was raised for another Redis is that one's: two that mint under one epoch would not notice each other.
      const isOthers = found.isCurrent && stored.raisedFor !== found.incarnation;
      // That one raises again in turn: whoever writes next, or looks next, goes on with it.
      if (isOthers && this.#othersAtWork.has(bucket)) return;
      if (isOthers) this.#othersAtWork.add(bucket);
      const mustRaise = isOthers || (!found.isCurrent && found.token !== raisedFor);
      const epoch = mustRaise ? await this.#raiseAbove(found) : stored.epoch;
      if (mustRaise) raisedFor = found.token;
      if ((await this.#putRight(found, epoch)) === "moved") continue;
      this.#stats.recovered(clock.nowMs());
      this.#done.push({ bucket, isNew: wasNew });
    }
  }

  /** An epoch above the store's and the cache's: a store that was restored from a backup may be behind its cache. */
  async #raiseAbove({ bucket, incarnation, epoch = 0 }: CacheBucket): Promise<number> {
    for (;;) {
      const raised = await this.#parts.bucketStates.raiseEpoch(bucket, incarnation);
      if (raised > epoch) return raised;
    }
  }

  /** Whether nobody has ever kept this bucket of the store in this cache, as far as either knows. */
  async #isNew({ bucket, lastVersion = NOTHING }: CacheBucket, { epoch }: BucketState) {
    if (seqOf(lastVersion) > 0) return false;
    if (epoch === FIRST_EPOCH) return true;
    // Another process that has come at the same time raises the epoch too.
    const rows = await this.#parts.bucketStates.rowsAbove({ bucket, above: NOTHING, limit: 1 });
    return rows.length === 0;
  }

  /** Steps 2 to 4. `moved` where the state has changed meanwhile. */
  async #putRight(found: CacheBucket, epoch: number): Promise<"installed" | "moved"> {
    const { cache, log } = this.#parts;
    const { bucket } = found;
    const refused = await this.#projectEvents(bucket);
    if ((await this.#dropOlder(found)) === "moved") return "moved";
    if ((await this.#dropOlderThan(found, refused)) === "moved") return "moved";
    if ((await this.#setAsidePurged(found)) === "moved") return "moved";
    await this.#reportLosses([{ ...found, epoch }]);
    if ((await cache.buckets.install(found, epoch)) === "moved") return "moved";
    log.debug({ bucket, epoch, lastVersion: found.lastVersion }, "A bucket was recovered");
    return "installed";
  }

  /**
   * One line for all buckets that were recovered together, with what attempts that failed have taken out before. A cache
   * that is new to its store had nothing to lose.
   */
  #tell(): void {
    this.#tellOfOthers();
    const done = this.#done.splice(0);
    const notNew = new Set(done.filter((one) => !one.isNew).map(({ bucket }) => bucket));
    const isWorthALine = notNew.size > 0 || this.#dropped.length + this.#setAside.length > 0;
    if (done.length === 0 || !isWorthALine) return;
    const dropped = this.#dropped.splice(0);
    const setAside = this.#setAside.splice(0);
    this.#parts.log.warn(
      {
        buckets: notNew.size,
        dropped: dropped.length,
        withoutMeta: keysOf(dropped.filter(({ version }) => version === undefined)),
        setAside: keysOf(setAside),
      },
      "Redis had lost state and was recovered from the store",
    );
  }

  /** Once or twice it may have been a late raise for an earlier life of this Redis; another Redis goes on. */
  #tellOfOthers(): void {
    this.#contestedRounds = this.#othersAtWork.size > 0 ? this.#contestedRounds + 1 : 0;
    this.#othersAtWork.clear();
    if (this.#contestedRounds !== CONTESTED_ROUNDS) return;
    this.#parts.log.error(
      {},
      "Another Redis is used with the same store, so neither can acknowledge writes: let all processes use one",
    );
  }

  /**
   * They stay unprocessed: the projector acknowledges them once the bucket works again. Answers what the store refuses,
   * which is newer than its rows and in the outbox alone.
   */
  async #projectEvents(bucket: number): Promise<readonly RowVersion[]> {
    const { outbox, store, clock } = this.#parts;
    const refused: RowVersion[] = [];
    let cursor: string | undefined;
    do {
      const life = beginLife(clock);
      const page = await outbox.unprocessedIn({
        bucket,
        limit: PAGE,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const applied = await applyEvents(store, page.events, life);
      refused.push(...applied.refused.map(({ event }) => event.entry));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return refused;
  }

  /** What was minted after the last version that the cache knows, and what it may not have heard of before. */
  async #dropOlder(found: CacheBucket): Promise<"done" | "moved"> {
    const { lastVersion, lastUnpinnedSeq } = found;
    if (lastVersion === undefined)
      return this.#dropOlderThanRange(found, { above: NOTHING, below: undefined });
    if ((await this.#dropOlderThanLateOnes(found, lastVersion)) === "moved") return "moved";
    const above = knownUntil(lastVersion, lastUnpinnedSeq);
    return this.#dropOlderThanRange(found, { above, below: undefined });
  }

  /**
   * Of earlier epochs, which Redis has lost, rows may have landed after their end, and been told to Redis after its state
   * was saved. Epochs without rows of that time, most of them, are passed over together.
   */
  async #dropOlderThanLateOnes(
    found: CacheBucket,
    lastVersion: Version,
  ): Promise<"done" | "moved"> {
    const { bucket, epoch = 0 } = found;
    const sinceSeq = Math.max(0, seqOf(lastVersion) - LANDED_LATE_US);
    let earlier = Math.max(FIRST_EPOCH, epoch - EPOCHS_BACK_MAX);
    while (earlier < epoch) {
      const above = formatVersion(earlier, sinceSeq);
      const [row] = await this.#parts.bucketStates.rowsAbove({ bucket, above, limit: 1 });
      if (row === undefined) return "done";
      const next = epochOf(row.version);
      if (next === earlier) {
        const below = formatVersion(earlier + 1, 0);
        if ((await this.#dropOlderThanRange(found, { above, below })) === "moved") return "moved";
      }
      earlier = Math.max(next, earlier + 1);
    }
    return "done";
  }

  async #dropOlderThanRange(
    found: CacheBucket,
    { above, below }: VersionRange,
  ): Promise<"done" | "moved"> {
    const { bucketStates } = this.#parts;
    const { bucket } = found;
    let after: RowVersion | undefined;
    for (;;) {
      const page = { bucket, above, limit: PAGE, ...(after === undefined ? {} : { after }) };
      const rows = await bucketStates.rowsAbove(page);
      const within = below === undefined ? rows : rows.filter(({ version }) => version < below);
      if ((await this.#dropOlderThan(found, within)) === "moved") return "moved";
      if (within.length < PAGE) return "done";
      after = rows.at(-1);
    }
  }

  async #dropOlderThan(found: CacheBucket, rows: readonly RowVersion[]): Promise<"done" | "moved"> {
    for (const some of chunksOf(rows, PAGE)) {
      const gone = await this.#parts.cache.buckets.dropOlder(found, some);
      if (gone === "moved") return "moved";
      this.#dropped.push(...gone);
      this.#stats.dropped(gone);
    }
    return "done";
  }

  async #setAsidePurged(found: CacheBucket): Promise<"done" | "moved"> {
    const { cache, bucketStates } = this.#parts;
    // After the look at the rows: a purge says how far it goes before it takes the first of them.
    const [stored] = await bucketStates.read([found.bucket]);
    if ((stored?.highestPurged ?? NOTHING) <= (found.lastVersion ?? NOTHING)) return "done";
    let cursor: string | undefined;
    do {
      const page = await cache.scan({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      cursor = page.cursor;
      const keys = page.keys.filter((key) => bucketOf(key) === found.bucket);
      const unknown = await this.#ofNoRow(keys);
      const gone = unknown.length === 0 ? [] : await cache.buckets.setAside(found, unknown);
      if (gone === "moved") return "moved";
      this.#setAside.push(...gone);
      this.#stats.setAside(gone);
    } while (cursor !== undefined);
    return "done";
  }

  /** Those of our copies (another program's values have no meta) of which the store has nothing. */
  async #ofNoRow(keys: readonly string[]): Promise<readonly string[]> {
    if (keys.length === 0) return [];
    const { cache, store } = this.#parts;
    const rows = await store.getMany(keys);
    const seen = await cache.observe(
      keys.filter((key) => !rows.has(key)),
      { whenLost: "read" },
    );
    return seen
      .filter(({ meta, markerSeq }) => meta !== undefined || markerSeq !== undefined)
      .map(({ key }) => key);
  }

  /**
   * Looks up each write that this process has acknowledged from the journal under an earlier epoch of these buckets:
   * what neither store nor cache has in that version or a newer one is gone, and said so. What the cache alone has may
   * still be lost the next time.
   */
  async #reportLosses(buckets: readonly CacheBucket[]): Promise<void> {
    const { ledger, log } = this.#parts;
    const epochs = new Map(buckets.map(({ bucket, epoch = 0 }) => [bucket, epoch]));
    const owed = ledger
      .entries()
      .filter(({ key, version }) => epochOf(version) < (epochs.get(bucketOf(key)) ?? 0));
    const lost: RowVersion[] = [];
    for (const some of chunksOf(owed, PAGE)) {
      for (const { write, place } of await this.#placesOf(some)) {
        // Another bucket's recovery may have looked at the same time, and told of it already.
        const isReleased = place !== "cache" && ledger.release(write.key, write.version);
        if (isReleased && place === "nowhere") lost.push(write);
      }
    }
    if (lost.length === 0) return;
    this.#stats.lost(lost);
    for (const write of lost) this.#parts.onLost?.(write);
    log.error(
      { count: lost.length, keys: keysOf(lost), notRemembered: ledger.forgotten },
      "Redis has lost writes that were acknowledged from its journal",
    );
  }

  /** Cache before events before rows: a write on its way between them is then seen in one of them. */
  async #placesOf(writes: readonly RowVersion[]): Promise<readonly Placed[]> {
    const { cache, outbox, store, bucketStates } = this.#parts;
    const keys = writes.map(({ key }) => key);
    const seen = await cache.observe(keys, { whenLost: "read" });
    const events = await outbox.unprocessedOf(keys);
    const rows = await store.getMany(keys);
    const states = await bucketStates.read(keys.map(bucketOf));
    return writes.map((write, i): Placed => {
      const { key, version } = write;
      // A row that was purged has been there: nothing newer than a write that waits is ever purged.
      const stored = [rows.get(key)?.version, states[i]?.highestPurged];
      for (const { entry } of events.get(key) ?? []) stored.push(entry.version);
      if (stored.some((one) => one !== undefined && one >= version))
        return { write, place: "store" };
      const cached = seen[i]?.meta?.version;
      return { write, place: cached !== undefined && cached >= version ? "cache" : "nowhere" };
    });
  }
}

interface Recovered {
  readonly bucket: number;
  readonly isNew: boolean;
}

interface VersionRange {
  readonly above: Version;
  readonly below: Version | undefined;
}

/** The safest of the places where a write is found, in its version or a newer one. */
interface Placed {
  readonly write: RowVersion;
  readonly place: "store" | "cache" | "nowhere";
}

function isRecovered({ isCurrent, epoch = 0 }: CacheBucket, stored: BucketState | undefined) {
  return isCurrent && epoch >= (stored?.epoch ?? 0);
}

/**
 * Up to which version the cache's copies are as new as the rows. Unpinned, what was written may be evicted before it lands,
 * and its place be filled with what was there before. That copy goes when the cache is told of the landing, and comes
 * back with a state that was saved before then. Where every write of that time had its marker, no reader fills anything before it is told.
 */
function knownUntil(lastVersion: Version, lastUnpinnedSeq: number | undefined): Version {
  const untoldSinceSeq = Math.max(0, seqOf(lastVersion) - UNTOLD_US);
  return lastUnpinnedSeq !== undefined && lastUnpinnedSeq > untoldSinceSeq
    ? formatVersion(epochOf(lastVersion), untoldSinceSeq)
    : lastVersion;
}

/** Enough to look into; a log line should stay a line. */
function keysOf(copies: readonly { readonly key: string }[]): readonly string[] {
  return copies.slice(0, 100).map(({ key }) => key);
}
