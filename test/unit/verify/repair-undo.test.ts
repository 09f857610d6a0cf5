import { describe, expect, it } from "@jest/globals";
import { contentHash, shortHash } from "../../../src/model/content-hash.ts";
import type { Version } from "../../../src/model/version.ts";
import { type RepairStrategy, storedEntry } from "../../../src/verify/plan-repair.ts";
import { setOf } from "../../contract/commands.ts";
import { openRepairPlansWorld, type RepairPlansWorld } from "../../support/repair-plans-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { ScriptedWriter } from "../../support/scripted-writer.ts";
import { type SeededRandom, seeded } from "../../support/seeded-random.ts";

const STRATEGIES = ["auto", "cache", "store", "newest"] as const satisfies RepairStrategy[];

/** A write that was acknowledged; null: a delete. */
interface Acknowledged {
  readonly version: Version;
  readonly value: string | null;
}

type Row = Readonly<Record<string, string | number | Uint8Array | null>>;

/** One key through acknowledged writes, copies of earlier times that somebody puts back, and other hands. No value comes twice. */
class TroubledKey {
  readonly key: string;
  readonly writes: Acknowledged[] = [];
  readonly #world: RepairPlansWorld;
  readonly #random: SeededRandom;
  #pair: (() => void) | undefined;
  #row: Row | undefined;
  #values = 0;

  constructor(world: RepairPlansWorld, random: SeededRandom, key: string) {
    this.#world = world;
    this.#random = random;
    this.key = key;
  }

  /** Two writes of ours and copies of the first, then anything that can happen, some of it ours. */
  async live(): Promise<void> {
    await this.#write(this.#newValue("ours"), "synced");
    this.#copyPair();
    this.#copyRow();
    await this.#write(this.#newValue("ours"), "synced");
    const steps = 1 + this.#random.integer(5);
    for (let step = 0; step < steps; step += 1) await this.#random.pick(this.#happenings)();
  }

  /** What either side holds of it: the newest acknowledged write that is as it was made, and what others have put there. */
  async held() {
    const { look } = await this.#world.looker.inspect(this.key);
    const { value, meta } = look.cache;
    const stored = storedEntry(look);
    const sound: Acknowledged[] = [];
    const foreign = new Set<string>();
    const isOurs =
      meta?.tombstone === false && value !== undefined && shortHash(value.hash) === meta.shortHash;
    if (meta !== undefined && (isOurs || meta.tombstone))
      sound.push({ version: meta.version, value: isOurs ? value.text : null });
    if (value !== undefined && !isOurs) foreign.add(value.text);
    if (stored !== undefined) {
      const made = this.writes.find(({ version }) => version === stored.version);
      if (made === undefined || made.value === stored.value) sound.push(stored);
      else if (stored.value !== null) foreign.add(stored.value);
    }
    const newest = sound.toSorted((one, other) => (one.version < other.version ? 1 : -1))[0];
    const living = value === undefined ? [] : [value.text];
    if (stored !== undefined && stored.value !== null) living.push(stored.value);
    return { newest, foreign, living };
  }

  get #happenings(): readonly (() => unknown)[] {
    const { redis, database } = this.#world;
    const { key } = this;
    return [
      () => this.#write(this.#newValue("ours"), "synced"),
      () => this.#write(this.#newValue("ours"), "synced"),
      () => this.#write(this.#newValue("ours"), "unsynced"),
      () => this.#write(null, "synced"),
      () => this.#write(null, "unsynced"),
      () => this.#copyPair(),
      () => this.#pair?.(),
      () => this.#copyRow(),
      () => this.#putRowBack(),
      () => redis.set(key, this.#newValue("theirs")),
      () => redis.del(key),
      () => {
        redis.del(key);
        redis.metas.delete(key);
      },
      () => redis.markers.delete(key),
      () => database.query("DELETE FROM kvshadow WHERE key = ?").run(Buffer.from(key)),
      () => this.#editRow(),
    ];
  }

  #newValue(whose: string): string {
    this.#values += 1;
    return `${whose} ${this.#values}`;
  }

  async #write(value: string | null, reach: "synced" | "unsynced"): Promise<void> {
    const writer = new ScriptedWriter(this.#world, this.key);
    const steps = writer.direct(value);
    await writer.run(reach === "synced" ? steps : steps.slice(0, 1));
    const version = this.#world.redis.meta(this.key)?.version;
    if (version === undefined) throw new Error("The write left no version.");
    this.writes.push({ version, value });
  }

  /** What DUMP has of value and meta, for RESTORE. */
  #copyPair(): void {
    const { values, metas } = this.#world.redis;
    const [value, meta] = [values.get(this.key), metas.get(this.key)];
    if (meta === undefined) return;
    this.#pair = () => {
      if (value === undefined) values.delete(this.key);
      else values.set(this.key, value);
      metas.set(this.key, meta);
    };
  }

  #copyRow(): void {
    const rows = this.#world.database.query("SELECT * FROM kvshadow WHERE key = ?");
    this.#row = rows.get(Buffer.from(this.key)) as Row | undefined;
  }

  #putRowBack(): void {
    if (this.#row === undefined) return;
    const names = Object.keys(this.#row);
    this.#world.database
      .query(
        `INSERT OR REPLACE INTO kvshadow (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
      )
      .run(...Object.values(this.#row));
  }

  #editRow(): void {
    const value = this.#newValue("edited");
    const hash = this.#random.pick([`, hash = '${contentHash(value)}'`, ""]);
    this.#world.database
      .query(
        `UPDATE kvshadow SET value = CAST('${value}' AS BLOB)${hash} WHERE key = ? AND deleted = 0`,
      )
      .run(Buffer.from(this.key));
  }
}

async function openTroubled(random: SeededRandom) {
  const world = await openRepairPlansWorld();
  const keys = Array.from({ length: 12 }, (_, i) => new TroubledKey(world, random, `user:${i}`));
  for (const key of keys) await key.live();
  // Nothing that waits for the store is in flight any more.
  await world.clock.advance(60_000);
  const before = await Promise.all(keys.map((key) => key.held()));
  return { world, keys, before };
}

/**
 * Keys whose newest acknowledged value, which either side held, is held no more, although nothing that others had put
 * there before stands in its place. A delete that the strategy does not choose against is not to be covered by an older value either.
 */
async function lostIn(
  { keys, before }: Awaited<ReturnType<typeof openTroubled>>,
  strategy: RepairStrategy,
) {
  const lost: unknown[] = [];
  for (const [at, key] of keys.entries()) {
    const { newest, foreign } = before[at]!;
    if (newest === undefined) continue;
    const { living } = await key.held();
    const isForeign = living.some((value) => foreign.has(value));
    const isKept =
      newest.value === null
        ? living.length === 0 || strategy === "cache" || strategy === "store"
        : living.includes(newest.value);
    if (!isKept && !isForeign) lost.push({ key: key.key, newest, living });
  }
  return lost;
}

describe.each(STRATEGIES)("by strategy %s the newest acknowledged value", (strategy) => {
  it(
    "outlives a plan and its undo, whatever was wrong",
    seeded(async (random) => {
      for (let round = 0; round < 6; round += 1) {
        const troubled = await openTroubled(random);
        const { world } = troubled;
        const { planId } = await world.planner.plan({ strategy });
        if (planId === null) continue;

        await world.apply(planId);
        await world.undo(planId);

        expect(await lostIn(troubled, strategy)).toEqual([]);
      }
    }),
  );

  it(
    "outlives single repairs and the calls that they name to undo them",
    seeded(async (random) => {
      for (let round = 0; round < 6; round += 1) {
        const troubled = await openTroubled(random);
        const { world } = troubled;
        for (const { key } of troubled.keys) {
          const repaired = world.repairer.repair(key, { strategy, dryRun: false });
          const { undo } = await runThrough(world.clock, repaired);
          if (undo === null) continue;
          const { value, ttlMs, condition } = undo;
          const written = await world.past.cache.write(setOf({ key, value, ttlMs, condition }));
          expect({ key, ...written }).toMatchObject({ outcome: "written" });
        }

        expect(await lostIn(troubled, strategy)).toEqual([]);
      }
    }),
  );
});
