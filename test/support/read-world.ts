import { setOf } from "../contract/commands.ts";
import { type CacheFirstOptions, openCacheFirstWorld } from "./cache-first-world.ts";
import { ScriptedWriter } from "./scripted-writer.ts";

/** A cache-first world whose one key is read. */
export async function openReadWorld(options: CacheFirstOptions = {}) {
  const world = await openCacheFirstWorld(options);
  const { redis, past, reads } = world;
  return {
    ...world,
    writer: new ScriptedWriter(world, "user:1"),
    read: () => reads.read("user:1"),
    /** Both halves of the copy go, as under memory pressure; no one else could tell it from a removal of both. */
    forget: () => {
      redis.values.delete("user:1");
      redis.metas.delete("user:1");
    },
    seen: async () => (await past.cache.observe(["user:1"]))[0]!,
  };
}

type World = Awaited<ReturnType<typeof openReadWorld>>;

/** Both sides hold "first". */
export const inStep = async (world: World) => world.writer.run(world.writer.direct("first"));
/** The cache holds "first", marked, and the store nothing. */
export const unsynced = async (world: World) =>
  world.writer.run(world.writer.direct("first").slice(0, 1));

/** A write that ends in 5 s, on both sides unless told. */
export async function ending(world: World, { synced = true } = {}): Promise<void> {
  const { cache, store } = world.past;
  const written = await cache.write(setOf({ value: "first", ttlMs: 5000 }));
  if (written.outcome !== "written" || !synced) return;
  await store.applyNewer([written.entry], "ASYNC_THREAD");
  await cache.acknowledge([written.entry]);
}
