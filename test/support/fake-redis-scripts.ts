import { isUtf8 } from "node:buffer";
import { isDeepStrictEqual } from "node:util";
import type {
  AckOutcome,
  CacheWrite,
  CopyGuard,
  DropScope,
  SettleOutcome,
} from "../../src/cache/cache-authority-port.ts";
import type { CacheMeta, CacheObservation } from "../../src/cache/cache-port.ts";
import { bucketOf } from "../../src/model/bucket.ts";
import { contentHash, shortHash } from "../../src/model/content-hash.ts";
import { type Entry, isExpired } from "../../src/model/entry.ts";
import { type IdempotencyRecords, recall, remember, upTo } from "../../src/model/idempotency.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import {
  epochOf,
  FIRST_EPOCH,
  formatVersion,
  seqOf,
  type Version,
  writtenAtMs,
} from "../../src/model/version.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import { ABSENT, isMet, type Standing, standingAt } from "../../src/model/write-condition.ts";
import type { FakeRedis } from "./fake-redis.ts";

const LEASE_MS = 3000;

/** How long clean copies stay, as the connection that runs a script tells it. */
export interface Stay {
  /** Milliseconds; undefined = until evicted. */
  readonly residencyMs: number | undefined;
  readonly graceMs: number;
}

/** What a write comes to, before the connection adds that it is pinned. */
export type WrittenByScript = Unpinned<CacheWrite>;

type Unpinned<Write> = Write extends { readonly pinned: boolean } ? Omit<Write, "pinned"> : Write;

/**
 * What each Lua script does, in one turn and so as atomic as the script. Kept as close to the scripts' own order as
 * TypeScript lets it, since a simulation is only worth what its model of the server is worth.
 */
export class FakeScripts {
  readonly #redis: FakeRedis;

  constructor(redis: FakeRedis) {
    this.#redis = redis;
  }

  write(command: WriteCommand, pinned: boolean, guard: CopyGuard | undefined): WrittenByScript {
    const redis = this.#redis;
    const { key } = command;
    const held = redis.value(key);
    if (held !== undefined && held.type !== "string") throw wrongType(key, held.type);
    if (guard !== undefined && !this.#passes(guard)) return { outcome: "moved" };

    const meta = redis.meta(key);
    const records = meta?.idempotency ?? guard?.idempotency ?? [];
    const refused =
      (guard === undefined ? this.#repetitionOf(command, records) : undefined) ??
      this.#refusalOf(command);
    if (refused !== undefined) return refused;

    const existed = this.#existed(key);
    const version = this.#mint(key, pinned);
    if (pinned && !redis.markers.has(key)) redis.markers.set(key, seqOf(version));
    const mark = command.idempotencyMark;
    const entry = entryOf(command, {
      version,
      expiresAtMs: deadlineFrom(command, redis.nowMs()),
      records: mark === undefined ? records : remember(records, mark, version),
    });
    if (entry.value === null) redis.del(key);
    else redis.set(key, entry.value);
    redis.metas.set(key, { meta: metaOf(entry), expiresAtMs: null });
    redis.leases.delete(key);
    return { outcome: "written", entry, existed };
  }

  observe(key: string): CacheObservation {
    const redis = this.#redis;
    const held = redis.value(key);
    const bytes = held?.type === "string" ? held.bytes : undefined;
    return {
      key,
      value:
        bytes === undefined
          ? undefined
          : {
              text: bytes.toString(),
              hash: contentHash(bytes),
              ...(isUtf8(bytes) ? { isText: true } : { isText: false, bytes }),
            },
      foreignType: held === undefined || held.type === "string" ? undefined : held.type,
      meta: redis.meta(key),
      markerSeq: redis.markers.get(key),
      ttlMs: redis.ttlMs("value", key),
      metaTtlMs: redis.ttlMs("meta", key),
      nowMs: this.#redis.nowMs(),
    };
  }

  timeToLive(key: string): number | null | undefined {
    const redis = this.#redis;
    if (redis.value(key) === undefined) return undefined;
    const ttlMs = redis.ttlMs("value", key);
    const deadlineMs = redis.meta(key)?.expiresAtMs ?? null;
    if (deadlineMs === null) return ttlMs;
    return Math.min(
      ttlMs ?? Number.POSITIVE_INFINITY,
      Math.max(0, deadlineMs - this.#redis.nowMs()),
    );
  }

  acknowledge(key: string, version: Version, stay: Stay): AckOutcome {
    const { markers, leases } = this.#redis;
    leases.delete(key);
    const meta = this.#redis.meta(key);
    const score = markers.get(key);
    if (meta === undefined) {
      if (score !== undefined && score <= seqOf(version)) markers.delete(key);
      const epoch = this.#redis.states.get(bucketOf(key))?.epoch ?? 0;
      const isLate = epochOf(version) < epoch;
      if (isLate && !markers.has(key) && this.#redis.value(key)?.type === "string") {
        this.#redis.values.delete(key);
      }
      return "absent";
    }
    if (meta.version > version) {
      if (score !== undefined) markers.set(key, Math.max(score, seqOf(version) + 1));
      return "newer";
    }
    markers.delete(key);
    if (meta.version === version) {
      this.#makeClean(key, meta, stay);
      return "clean";
    }
    this.#forget(key);
    return "dropped";
  }

  settle(key: string, version: Version, stay: Stay): SettleOutcome {
    this.#redis.leases.delete(key);
    const meta = this.#redis.meta(key);
    if (meta !== undefined && meta.version > version) return "newer";
    if (meta?.version === version) {
      this.#makeClean(key, meta, stay);
      return "clean";
    }
    this.#forget(key);
    return "dropped";
  }

  withdraw(key: string, version: Version): "withdrawn" | "kept" {
    this.#redis.leases.delete(key);
    const meta = this.#redis.meta(key);
    if (meta !== undefined && meta.version !== version) return "withdrawn";
    if (this.#redis.markers.has(key)) return "kept";
    this.#forget(key);
    return "withdrawn";
  }

  takeLease(key: string, token: string, fromHolder: boolean): "taken" | "held" {
    if (!fromHolder && this.#redis.lease(key) !== undefined) return "held";
    this.#redis.leases.set(key, { token, untilMs: this.#redis.nowMs() + LEASE_MS });
    return "taken";
  }

  fill(entry: Entry & { readonly value: string }, token: string, stay: Stay): "filled" | "skipped" {
    const { key, version, value } = entry;
    if (!this.#useLease(entry, token)) return "skipped";
    const meta = this.#redis.meta(key);
    if (meta !== undefined && meta.version > version) return "skipped";
    if (this.#redis.value(key) !== undefined) return "skipped";
    this.#redis.set(key, value);
    this.#makeClean(key, metaOf(entry), stay);
    return "filled";
  }

  stamp(
    entry: Entry & { readonly value: string },
    token: string,
    stay: Stay,
  ): "stamped" | "skipped" {
    const { key, value } = entry;
    if (!this.#useLease(entry, token)) return "skipped";
    const held = this.#redis.value(key);
    if (this.#redis.meta(key) !== undefined || held?.type !== "string") return "skipped";
    if (!held.bytes.equals(Buffer.from(value))) return "skipped";
    this.#redis.set(key, value);
    this.#makeClean(key, metaOf(entry), stay);
    return "stamped";
  }

  drop(seen: CacheObservation, what: DropScope): "dropped" | "moved" {
    if (!this.#isAsSeen(seen)) return "moved";
    if (what !== "marker") this.#forget(seen.key);
    if (what !== "copy") this.#redis.markers.delete(seen.key);
    return "dropped";
  }

  #repetitionOf(command: WriteCommand, records: IdempotencyRecords): WrittenByScript | undefined {
    if (command.idempotencyMark === undefined) return undefined;
    if (records.length === 0) return { outcome: "cold" };
    const first = recall(records, command.idempotencyMark);
    if (first === undefined) return undefined;
    if (first === "other") return { outcome: "reused" };
    const { version } = first;
    const meta = this.#redis.meta(command.key);
    const score = this.#redis.markers.get(command.key);
    return {
      outcome: "repeated",
      entry: entryOf(command, {
        version,
        expiresAtMs:
          meta?.version === version
            ? meta.expiresAtMs
            : deadlineFrom(command, writtenAtMs(version)),
        records: upTo(records, version),
      }),
      isPending: score !== undefined && score <= seqOf(version),
    };
  }

  #refusalOf({ key, condition }: WriteCommand): WrittenByScript | undefined {
    if (condition === undefined) return undefined;
    const standing = this.#standing(key);
    if (standing === undefined) return { outcome: "cold" };
    return isMet(condition, standing) ? undefined : { outcome: "conflict", standing };
  }

  /** What a reader would get; undefined where only the store knows. */
  #standing(key: string): Standing | undefined {
    const meta = this.#redis.meta(key);
    if (meta === undefined) return undefined;
    if (meta.tombstone || isExpired(meta.expiresAtMs, this.#redis.nowMs())) return ABSENT;
    if (this.#redis.value(key) !== undefined) return standingAt(meta.version);
    return this.#redis.markers.has(key) ? ABSENT : undefined;
  }

  #mint(key: string, pinned: boolean): Version {
    const state = this.#redis.states.get(bucketOf(key));
    if (state === undefined)
      throw new TypeError("A script runs only in a bucket that has its state.");
    state.seq = Math.max(state.seq + 1, this.#redis.takeTimeUs());
    if (!pinned) state.unpinnedSeq = state.seq;
    return formatVersion(state.epoch ?? FIRST_EPOCH, state.seq);
  }

  /** Whether a live value stood there; undefined where nothing at all is held of the key. */
  #existed(key: string): boolean | undefined {
    const meta = this.#redis.meta(key);
    if (meta !== undefined && isExpired(meta.expiresAtMs, this.#redis.nowMs())) return false;
    if (meta?.tombstone === true) return false;
    if (this.#redis.value(key) !== undefined) return true;
    return meta !== undefined && this.#redis.markers.has(key) ? false : undefined;
  }

  /** What is acknowledged loses its writer's ids, and value and meta get the same deadline. */
  #makeClean(key: string, meta: CacheMeta, { residencyMs, graceMs }: Stay): void {
    const redis = this.#redis;
    const nowMs = this.#redis.nowMs();
    redis.metas.set(key, { meta: withoutIds(meta), expiresAtMs: null });
    const residentUntilMs =
      residencyMs === undefined ? Number.POSITIVE_INFINITY : nowMs + residencyMs;
    const deadlineMs = meta.tombstone
      ? nowMs + graceMs
      : Math.min(residentUntilMs, meta.expiresAtMs ?? Number.POSITIVE_INFINITY);
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    redis.setExpiry(redis.metas, key, deadlineMs);
    if (!meta.tombstone && redis.value(key)?.type === "string")
      redis.setExpiry(redis.values, key, deadlineMs);
  }

  /** The conditions of a fill that do not depend on its form. Right or wrong, a token is used up by its own fill. */
  #useLease({ key, expiresAtMs }: Entry, token: string): boolean {
    const redis = this.#redis;
    if (redis.lease(key) !== token) return false;
    redis.leases.delete(key);
    return !redis.markers.has(key) && !isExpired(expiresAtMs, this.#redis.nowMs());
  }

  /** Never a value of another type. */
  #forget(key: string): void {
    if (this.#redis.value(key)?.type === "string") this.#redis.del(key);
    this.#redis.metas.delete(key);
  }

  /** A key without meta may have been written and evicted meanwhile: only the lease, which a write voids, can tell. */
  #passes({ seen, token }: CopyGuard): boolean {
    const isHeld =
      token === undefined ? seen.meta !== undefined : this.#redis.lease(seen.key) === token;
    return isHeld && this.#isAsSeen(seen);
  }

  #isAsSeen(seen: CacheObservation): boolean {
    const now = this.observe(seen.key);
    return (
      now.foreignType === undefined &&
      now.value?.hash === seen.value?.hash &&
      now.markerSeq === seen.markerSeq &&
      isDeepStrictEqual(withoutIds(now.meta), withoutIds(seen.meta))
    );
  }
}

function withoutIds<M extends CacheMeta | undefined>(meta: M): M {
  return meta === undefined ? meta : { ...meta, sessionId: null, interactionId: null };
}

function metaOf(entry: Entry): CacheMeta {
  const { version, hash, expiresAtMs, sessionId, interactionId, idempotency } = entry;
  return {
    version,
    shortHash: shortHash(hash),
    expiresAtMs,
    tombstone: entry.value === null,
    sessionId,
    interactionId,
    ...(idempotency === undefined ? {} : { idempotency }),
  };
}

function entryOf(
  command: WriteCommand,
  made: {
    readonly version: Version;
    readonly expiresAtMs: number | null;
    readonly records: IdempotencyRecords;
  },
): Entry {
  const { key, sessionId, interactionId } = command;
  const { version, expiresAtMs, records } = made;
  const what =
    command.op === "set" ? { value: command.value, hash: command.hash } : { value: null, hash: "" };
  return {
    key,
    version,
    ...what,
    expiresAtMs,
    sessionId,
    interactionId,
    ...(records.length === 0 ? {} : { idempotency: records }),
  };
}

function deadlineFrom(command: WriteCommand, fromMs: number): number | null {
  return command.op === "delete" || command.ttlMs === null ? null : fromMs + command.ttlMs;
}

export function wrongType(key: string, type: string): LockstepError {
  return new LockstepError(
    "KEY_WRONG_TYPE",
    `The key ${JSON.stringify(key)} holds a Redis ${type}, not a string.`,
  );
}
