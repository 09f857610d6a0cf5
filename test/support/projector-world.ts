import { type CacheFirstOptions, openCacheFirstWorld } from "./cache-first-world.ts";
import { ScriptedWriter } from "./scripted-writer.ts";

/** A cache-first world with writes that wait in the outbox. */
export async function openProjectorWorld(options: CacheFirstOptions = {}) {
  const world = await openCacheFirstWorld(options);
  const { outbox, store, cache } = world.past;
  return {
    ...world,
    signal: new AbortController().signal,
    append: async (key: string, value = "first") => {
      const writer = new ScriptedWriter(world, key);
      await writer.run(writer.byEvent(value).slice(0, 2));
    },
    valueOf: async (key: string) => (await store.get(key))?.value,
    waiting: async () => ({
      events: await outbox.countUnprocessed(),
      markers: await cache.countPending(0),
    }),
  };
}
