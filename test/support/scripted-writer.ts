import type { Entry } from "../../src/model/entry.ts";
import { deleteOf, setOf } from "../contract/commands.ts";
import type { CacheFirstWorld } from "./cache-first-world.ts";

export type Step = () => Promise<unknown>;

/** What other processes do to one key, cut into the steps between which anything else may happen. */
export class ScriptedWriter {
  readonly #world: CacheFirstWorld;
  readonly #key: string;

  constructor(world: CacheFirstWorld, key: string) {
    this.#world = world;
    this.#key = key;
  }

  /** A write, or a delete where the value is null, straight to the shadow. */
  direct(value: string | null): Step[] {
    const { store } = this.#world.past;
    const write = this.#write(value);
    return [
      write.mint,
      () => store.applyNewer([write.entry()], "ASYNC_THREAD"),
      () => this.#tell(write.entry()),
    ];
  }

  /** A write through the outbox, with the projector's part. */
  byEvent(value: string | null): Step[] {
    const { cache, store, outbox } = this.#world.past;
    const write = this.#write(value);
    const told = cache.policy?.pinned === true ? [] : [() => this.#tell(write.entry())];
    return [
      write.mint,
      () => outbox.append([write.entry()]),
      ...told,
      () => store.applyNewer([write.entry()], "EVENT_BASED"),
      () => cache.acknowledge([write.entry()]),
      async () => {
        const events = (await outbox.unprocessedOf([this.#key])).get(this.#key) ?? [];
        await outbox.markProcessed(events.map((event) => event.id));
      },
    ];
  }

  /** A reader that misses: lease, look, fill. */
  fill(): Step[] {
    const { cache, store } = this.#world.past;
    let token: string | undefined;
    let row: Entry | undefined;
    return [
      async () => {
        token = await cache.takeLease(this.#key);
      },
      async () => {
        row = await store.get(this.#key);
      },
      async () => {
        if (token !== undefined && row !== undefined) await cache.fill(row, token);
      },
    ];
  }

  /** Redis needs the memory. */
  evict(what: "value" | "meta"): Step[] {
    return [async () => this.#world.redis.evict(this.#key, what)];
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await step();
  }

  #write(value: string | null) {
    const key = this.#key;
    const minted: Entry[] = [];
    return {
      mint: async () => {
        const command = value === null ? deleteOf({ key }) : setOf({ key, value });
        const written = await this.#world.past.cache.write(command);
        if (written.outcome === "written") minted.push(written.entry);
      },
      entry: () => minted[0]!,
    };
  }

  #tell({ key, version }: Entry): Promise<unknown> {
    const { cache } = this.#world.past;
    return cache.policy?.pinned === true
      ? cache.acknowledge([{ key, version }])
      : cache.settle(key, version);
  }
}
