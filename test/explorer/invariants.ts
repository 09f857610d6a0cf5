import { glances } from "./glance.ts";
import { breach } from "./guarantees.ts";
import { floorOf, isDurable, isHeld, judge } from "./past.ts";
import type { Setting } from "./setting.ts";
import { primaryOf, seqOf, type World } from "./world.ts";

/** What must hold in every world. */
export function brokenIn(setting: Setting, world: World): string | undefined {
  const { past } = world;
  if (past.wrong !== null) return past.wrong;
  if (!isDurable(world, past.durable)) {
    return breach("G2", `version ${past.durable} was told to be in the store and is not`);
  }
  // What another program overwrites in Redis while only the journal has it is lost, as the README says.
  if (past.foreign === 0 && !isHeld(world, past.journal)) {
    return breach("G1", `version ${past.journal} was told to be safe and is in no durable place`);
  }
  return brokenMarker(world) ?? brokenRead(setting, world);
}

/** A read that nothing came between, at this very moment. */
function brokenRead(setting: Setting, world: World): string | undefined {
  for (const text of glances(setting, world)) {
    const judged = judge(world, { text, floor: floorOf(world), began: world.now });
    if ("wrong" in judged) return breach(judged.wrong.guarantee, judged.wrong.what);
  }
  return undefined;
}

/**
 * A marker never claims that less is waiting than is: its score is at most the version that it stands for. After a
 * rollback the clock alone could keep scores in order, and nothing but their age depends on them.
 */
function brokenMarker(world: World): string | undefined {
  const { marker, meta } = primaryOf(world);
  if (marker === null || meta === null || world.past.doubtful > 0) return undefined;
  if (marker <= seqOf(meta.version)) return undefined;
  return breach("G7", `the marker says ${marker} although version ${meta.version} is waiting`);
}

/** What must hold once our code has nothing left to do: no promise is open, and the two sides agree. */
export function brokenAtRest(setting: Setting, world: World): string | undefined {
  const { store, past } = world;
  if (store.events.length > 0) return breach("G7", "an event is never applied");
  if (setting.mode === "store_first") return undefined;
  const { marker, value, meta, state, run } = primaryOf(world);
  if (setting.rules.fence && (state === null || state.run !== run))
    return breach("G7", "nobody recovers");
  if (setting.mayLoseState && setting.rules.fence && (state?.epoch ?? 0) < store.epoch) {
    return breach(
      "G7",
      "recovery has ended below the store's epoch, so that no write can ever be told",
    );
  }
  if (marker !== null) return breach("G9", "a marker is never cleared");
  if (past.drift) return undefined;
  const row = store.row?.version ?? 0;
  if (meta !== null && meta.version !== row && !isForgotten(world)) {
    return breach("G7", `the cache stays at ${meta.version} and the shadow at ${row}`);
  }
  if (value !== null && meta === null && value.text !== store.row?.text) {
    return breach("G7", "the cache keeps a value that the shadow does not have");
  }
  return undefined;
}

/** The end of a key, which the store was allowed to forget. */
function isForgotten(world: World): boolean {
  const { meta } = primaryOf(world);
  return world.store.row === null && meta !== null && meta.version <= world.past.forgotten;
}
