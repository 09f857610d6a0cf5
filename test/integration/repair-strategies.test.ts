import { expect, it } from "@jest/globals";
import type { RepairAction, RepairStrategy } from "../../src/verify/plan-repair.ts";
import { Gardener, type PlantedDrift } from "../support/lockstep/planted-drift.ts";
import { undo } from "../support/lockstep/undo.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Choice {
  readonly where: string;
  readonly plant: PlantedDrift["plant"];
  readonly strategy: RepairStrategy;
  readonly action: RepairAction;
  /** On both sides afterwards; null: deleted. */
  readonly value: string | null;
  readonly undone?: string;
}

const onlyInCache: PlantedDrift["plant"] = ({ redis }, key) => redis.set(key, "cached");
const onlyInStore: PlantedDrift["plant"] = (gardener, key) => gardener.setAndEvict(key, "stored");
const newerInStore: PlantedDrift["plant"] = async (gardener, key) => {
  await gardener.set(key, "cached");
  await gardener.putNewerRow(key, "stored");
};
/** Long enough ago that it is no traffic in flight any more. */
const newerInCache: PlantedDrift["plant"] = async (gardener, key) => {
  await gardener.set(key, "stored");
  await gardener.setUnsynced(key, "cached");
  await waitUntil(async () => (await gardener.verdictOf(key)) === "overdue");
};
const changedInCache: PlantedDrift["plant"] = async (gardener, key) => {
  await gardener.set(key, "stored");
  await gardener.redis.set(key, "cached");
};
const editedInStore: PlantedDrift["plant"] = async (gardener, key) => {
  await gardener.set(key, "cached");
  await gardener.editRow(key, "stored", "old");
};

const choices: readonly Choice[] = [
  {
    where: "only in the cache",
    plant: onlyInCache,
    strategy: "cache",
    action: "follow_cache",
    value: "cached",
  },
  {
    where: "only in the cache",
    plant: onlyInCache,
    strategy: "store",
    action: "remove",
    value: null,
    undone: "cached",
  },
  {
    where: "only in the store",
    plant: onlyInStore,
    strategy: "cache",
    action: "remove",
    value: null,
    undone: "stored",
  },
  {
    where: "only in the store",
    plant: onlyInStore,
    strategy: "store",
    action: "warm",
    value: "stored",
  },
  {
    where: "newer in the store",
    plant: newerInStore,
    strategy: "cache",
    action: "follow_cache",
    value: "cached",
    undone: "stored",
  },
  {
    where: "newer in the store",
    plant: newerInStore,
    strategy: "newest",
    action: "follow_store",
    value: "stored",
  },
  {
    where: "newer in the cache",
    plant: newerInCache,
    strategy: "newest",
    action: "follow_cache",
    value: "cached",
  },
  {
    where: "newer in the cache",
    plant: newerInCache,
    strategy: "store",
    action: "follow_store",
    value: "stored",
    undone: "cached",
  },
  {
    where: "changed in the cache",
    plant: changedInCache,
    strategy: "store",
    action: "follow_store",
    value: "stored",
    undone: "cached",
  },
  {
    where: "edited in the store",
    plant: editedInStore,
    strategy: "store",
    action: "follow_store",
    value: "stored",
    undone: "cached",
  },
];

describeWith(["redis", "mongodb"], "a repair by a given strategy", () => {
  const backends = useBackends();

  it.each(choices)("$strategy: $action for a key $where", async (choice) => {
    const { plant, strategy, action, value, undone } = choice;
    const lockstep = await backends.open({
      LOCKSTEP_OUTBOX_INTERVAL_MS: "3600000",
      LOCKSTEP_SYNC_OBJECTIVE_MS: "100",
    });
    const gardener = new Gardener(backends, lockstep);
    const key = "planted";
    await plant(gardener, key);

    const before = await gardener.picture(key);
    const dry = await lockstep.call("force_sync_repair", { key, strategy, dryRun: true });
    expect(await gardener.picture(key)).toEqual(before);
    const repair = await lockstep.call("force_sync_repair", { key, strategy });

    expect([dry.action, repair.action]).toEqual([action, action]);
    expect(repair.after).toMatchObject({
      verdict: value === null ? "deleted" : "ok",
      cacheValue: value,
      shadowValue: value,
    });
    expect(repair.undo?.arguments.value).toBe(undone);
    expect(await lockstep.call("kv_get", { key })).toMatchObject({ value });
    expect(await backends.rowOf(key)).toMatchObject({ lastValue: value });
    expect(await undo(lockstep, repair)).toEqual(
      undone === undefined ? undefined : { value: undone, verdict: "ok" },
    );
    expect(await lockstep.call("verify_cache_sync")).toMatchObject({
      overallSyncHealth: "HEALTHY",
    });
  });
});
