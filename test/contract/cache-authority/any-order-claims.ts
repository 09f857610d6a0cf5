import { describe, expect, it } from "@jest/globals";
import type { CacheAuthorityPort } from "../../../src/cache/cache-authority-port.ts";
import type { CacheObservation } from "../../../src/cache/cache-port.ts";
import { shortHash } from "../../../src/model/content-hash.ts";
import type { Entry } from "../../../src/model/entry.ts";
import { seqOf } from "../../../src/model/version.ts";
import { type SeededRandom, seeded } from "../../support/seeded-random.ts";
import { deleteOf, setOf } from "../commands.ts";
import {
  HOUR_MS,
  type OpenCacheAuthorityHarness,
  observeOne,
  openedForEach,
  type RawCache,
} from "./harness.ts";

const STEPS = 300;
const KEYS = ["{bucket}:a", "{bucket}:b", "elsewhere"];

/** What a test knows beside the cache: the shadow, which never goes back, and who is in the middle of what. */
class World {
  readonly #caches: readonly CacheAuthorityPort[];
  readonly #raw: RawCache;
  readonly #random: SeededRandom;
  readonly #minted = new Map<string, Entry[]>(KEYS.map((key) => [key, []]));
  readonly #shadow = new Map<string, Entry>();
  /** Readers that have their lease and have looked at the shadow, and not filled yet. */
  readonly #readers: { readonly token: string; readonly looked: Entry }[] = [];

  constructor(caches: readonly CacheAuthorityPort[], raw: RawCache, random: SeededRandom) {
    this.#caches = caches;
    this.#raw = raw;
    this.#random = random;
  }

  async step(): Promise<void> {
    const key = this.#random.pick(KEYS);
    const steps = [
      () => this.#write(key),
      () => this.#land(key),
      () => this.#land(key),
      () => this.#acknowledgeAgain(key),
      () => this.#look(key),
      () => this.#look(key),
      () => this.#fill(),
      () => this.#evict(key),
    ];
    await this.#random.pick(steps)();
  }

  /** The newest that any process was told is written. */
  newest(key: string): Entry | undefined {
    return this.#minted.get(key)?.at(-1);
  }

  shadow(key: string): Entry | undefined {
    return this.#shadow.get(key);
  }

  observe(key: string): Promise<CacheObservation> {
    return observeOne(this.#cache, key);
  }

  /** Everything reaches the shadow and is acknowledged, and each key is read once more. */
  async settleDown(): Promise<void> {
    for (const key of KEYS) {
      const newest = this.newest(key);
      if (newest === undefined) continue;
      await this.#cache.acknowledge([newest]);
      await this.#raw.endLease(key);
      const token = await this.#cache.takeLease(key);
      await this.#cache.fill(newest, token!);
    }
  }

  get #cache(): CacheAuthorityPort {
    return this.#random.pick(this.#caches);
  }

  async #write(key: string): Promise<void> {
    const value = `value ${this.#random.hex(4)}`;
    const command = this.#random.fraction() < 0.3 ? deleteOf({ key }) : setOf({ key, value });
    const written = await this.#cache.write(command);
    if (written.outcome !== "written") throw new Error("An unguarded write was refused.");
    if (written.entry.version <= (this.newest(key)?.version ?? "")) {
      throw new Error(`The version ${written.entry.version} is not above the last one.`);
    }
    this.#minted.get(key)?.push(written.entry);
  }

  /** Any of the key's writes reaches the shadow, in any order; only newer ones count, and all are acknowledged. */
  async #land(key: string): Promise<void> {
    const minted = this.#minted.get(key)!;
    if (minted.length === 0) return;
    const landed = this.#random.pick(minted.slice(-3));
    const shadow = this.#shadow.get(key);
    if (shadow === undefined || shadow.version < landed.version) this.#shadow.set(key, landed);
    await this.#acknowledgeAgain(key);
  }

  async #acknowledgeAgain(key: string): Promise<void> {
    const shadow = this.#shadow.get(key);
    if (shadow !== undefined) await this.#cache.acknowledge([shadow]);
  }

  async #look(key: string): Promise<void> {
    const token = await this.#cache.takeLease(key);
    const looked = this.#shadow.get(key);
    if (token !== undefined && looked !== undefined) this.#readers.push({ token, looked });
  }

  async #fill(): Promise<void> {
    const reader = this.#readers.shift();
    if (reader !== undefined) await this.#cache.fill(reader.looked, reader.token);
  }

  /** Only what has a TTL is ever evicted; value and meta each by itself. */
  async #evict(key: string): Promise<void> {
    const seen = await observeOne(this.#cache, key);
    if (seen.ttlMs !== null && this.#random.fraction() < 0.7) await this.#raw.del(key);
    if (seen.metaTtlMs !== null && this.#random.fraction() < 0.7) await this.#raw.forgetMeta(key);
    await this.#raw.endLease(key);
  }
}

/** Which of the promises that make a journal of the cache are broken for this key, as it is now. */
async function brokenPromises(world: World, key: string): Promise<readonly string[]> {
  const { value, meta, markerSeq, ttlMs, metaTtlMs } = await world.observe(key);
  const newest = world.newest(key);
  const shadow = world.shadow(key);
  const isUnsynced = newest !== undefined && newest.version !== shadow?.version;
  const isCopy = value !== undefined && meta !== undefined;
  const promises = {
    "an unsynced write is there": !isUnsynced || meta?.version === newest.version,
    "an unsynced value is there": !isUnsynced || (value?.text ?? null) === newest.value,
    "an unsynced write never ends": !isUnsynced || (ttlMs === null && metaTtlMs === null),
    "an unsynced write is marked": !isUnsynced || (markerSeq ?? Infinity) <= seqOf(newest.version),
    "a value is the one its meta speaks of": !isCopy || shortHash(value.hash) === meta.shortHash,
    "value and meta end together": !isCopy || ttlMs === metaTtlMs,
    "an unmarked copy is the shadow's":
      !isCopy || markerSeq !== undefined || meta.version === shadow?.version,
  };
  return Object.entries(promises).flatMap(([promise, kept]) => (kept ? [] : [promise]));
}

export function describeAnyOrder(openHarness: OpenCacheAuthorityHarness): void {
  const open = openedForEach(openHarness);

  describe("in whatever order writes, landings, reads and evictions come", () => {
    it(
      "an unsynced write is held and marked, and a copy is never older than it says",
      seeded(async (random) => {
        const { cache, raw, openAnother } = await open({
          maxmemoryPolicy: "volatile-lru",
          residencyMs: HOUR_MS,
        });
        const another = await openAnother();
        await another.bindStore(undefined);
        const world = new World([cache, another], raw, random);

        for (let step = 0; step < STEPS; step += 1) {
          await world.step();
          for (const key of KEYS) expect(await brokenPromises(world, key)).toEqual([]);
        }

        await world.settleDown();
        expect(await cache.countPending(0)).toBe(0);
        for (const key of KEYS) {
          expect((await raw.get(key))?.toString() ?? null).toBe(world.newest(key)?.value ?? null);
        }
      }),
    );
  });
}
