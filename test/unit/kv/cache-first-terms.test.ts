import { describe, expect, it } from "@jest/globals";
import { type Entry, newestOf } from "../../../src/model/entry.ts";
import type { WriteCommand } from "../../../src/model/write-command.ts";
import { deleteOf, ifAbsent, ifVersion, setOf, withId } from "../../contract/commands.ts";
import { entryOf, versionAt } from "../../contract/entries.ts";
import { storeDown } from "../../support/builders.ts";
import { type CacheFirstOptions, openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { runThrough } from "../../support/run-through.ts";

const MODES: readonly (readonly [string, CacheFirstOptions])[] = [
  ["pinned", {}],
  ["unpinned", { maxmemoryPolicy: "allkeys-lru" }],
];

async function openWorld(options: CacheFirstOptions) {
  const world = await openCacheFirstWorld(options);
  const { redis, past, writes } = world;
  const current = async () => {
    const row = await past.store.get("user:1");
    const events = (await past.outbox.unprocessedOf(["user:1"])).get("user:1") ?? [];
    return newestOf<Entry>([...(row === undefined ? [] : [row]), ...events.map((e) => e.entry)]);
  };
  return {
    ...world,
    current,
    write: (command: WriteCommand) => writes.write(command, "direct"),
    /** The copy goes, all of it, as under memory pressure. */
    forget: () => {
      redis.values.delete("user:1");
      redis.metas.delete("user:1");
    },
  };
}

describe.each(MODES)("a condition, %s", (_name, options) => {
  it("on a key that is not cached is judged on the shadow", async () => {
    const { write, forget, current } = await openWorld(options);
    const first = await write(setOf({ value: "first" }));
    forget();

    const second = await write(ifVersion(first.version, setOf({ value: "second" })));
    forget();
    const conflict = await write(ifVersion(first.version, deleteOf())).catch(errorOf);

    expect(conflict).toMatchObject({
      code: "VERSION_CONFLICT",
      message: expect.stringContaining(second.version),
    });
    expect(await current()).toMatchObject({ version: second.version, value: "second" });
  });

  it("that the key be absent holds for what was never written, was deleted or has expired, cached or not", async () => {
    const { write, forget, clock } = await openWorld(options);
    const set = () => write(ifAbsent(setOf({ ttlMs: 1000 })));

    await set();
    for (const isForgotten of [false, true]) {
      await expect(set()).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
      await write(deleteOf());
      if (isForgotten) forget();
      await set();
      await clock.advance(1001);
      if (isForgotten) forget();
      await set();
    }
  });

  it("is judged on an event that the shadow does not have yet", async () => {
    const { write, past, current, clock } = await openWorld(options);
    const event = entryOf({ value: "event", version: versionAt(clock.nowMs() - 1000) });
    await past.outbox.append([event]);

    await expect(write(ifAbsent(setOf()))).rejects.toMatchObject({ code: "VERSION_CONFLICT" });
    const passed = await write(ifVersion(event.version, setOf()));

    expect(await current()).toMatchObject({ version: passed.version });
  });

  it("does not wait for a reader that found nothing and holds the lease", async () => {
    const { write, reads, clock } = await openWorld(options);
    await reads.read("user:1");
    const beforeMs = clock.nowMs();

    await write(ifAbsent(setOf()));

    expect(clock.nowMs()).toBe(beforeMs);
  });

  it("on a value that another program put there fails, since it is there and has no version", async () => {
    const { write, redis } = await openWorld(options);
    redis.set("user:1", "foreign");

    for (const command of [ifAbsent(setOf()), ifVersion(entryOf().version, setOf())]) {
      await expect(write(command)).rejects.toMatchObject({
        code: "VERSION_CONFLICT",
        message: expect.stringContaining("another program"),
      });
    }
    expect(String(redis.value("user:1")?.type === "string" && redis.value("user:1")?.bytes)).toBe(
      "foreign",
    );
  });

  it("takes a value whose meta was evicted for the shadow's, if it is that", async () => {
    const { write, redis } = await openWorld(options);
    const { version } = await write(setOf());
    redis.metas.delete("user:1");

    await expect(write(ifVersion(version, setOf()))).resolves.toMatchObject({
      durable: "shadow",
    });
  });

  it("is judged again where another write came between look and write", async () => {
    const { write, forget, past, steered, current, clock } = await openWorld(options);
    const first = await write(setOf({ value: "first" }));
    forget();
    let other: string | undefined;
    steered.store.on("get", async (proceed) => {
      const row = await proceed();
      if (other === undefined) {
        const written = await past.cache.write(setOf({ value: "other" }));
        if (written.outcome === "written") other = written.entry.version;
      }
      return row;
    });

    const late = write(ifVersion(first.version, setOf({ value: "late" })));
    const refused = await runThrough(clock, late.catch(errorOf));

    expect(refused).toMatchObject({
      code: "VERSION_CONFLICT",
      message: expect.stringContaining(other!),
    });
    expect((await current())?.value).not.toBe("late");
  });

  it("lets one of many pass that come to a cold key at once, without getting in each other's way", async () => {
    const { write, calls } = await openWorld(options);

    const told = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        write(ifAbsent(setOf({ value: `${at}` }))).then(() => "written", errorOf),
      ),
    );

    expect(told.filter((one) => one === "written")).toHaveLength(1);
    expect(calls.filter((call) => call === "cache.takeLease")).toHaveLength(1);
  });

  it("cannot be judged while the store does not answer, and nothing is written", async () => {
    const { write, steered, past, clock } = await openWorld(options);
    steered.store.on("get", () => new Promise(() => undefined));

    await expect(runThrough(clock, write(ifAbsent(setOf())))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });

    expect((await past.cache.observe(["user:1"]))[0]?.meta).toBeUndefined();
  });
});

describe("a condition where no eviction can have been", () => {
  it("takes for absent what someone has removed from the cache", async () => {
    const { write, redis, past } = await openWorld({});
    await write(setOf());
    await past.cache.refreshPolicy();
    redis.del("user:1");

    await expect(write(ifAbsent(setOf()))).resolves.toMatchObject({ durable: "shadow" });
  });
});

describe.each(MODES)("an idempotency key, %s", (_name, options) => {
  it("gives a retry the first answer, cached or not, also after other writes", async () => {
    const { write, forget, current } = await openWorld(options);
    const command = withId("id", setOf({ value: "first" }));
    const first = await write(command);

    const cached = await write(command);
    forget();
    const cold = await write(command);
    const plain = await write(setOf({ value: "plain" }));
    const later = await write(command);
    forget();
    const last = await write(command);

    for (const again of [cached, cold, later, last]) {
      expect(again).toMatchObject({ version: first.version, durable: "shadow" });
    }
    expect(await current()).toMatchObject({ version: plain.version, value: "plain" });
  });

  it("with other arguments is refused, cached or not", async () => {
    const { write, forget } = await openWorld(options);
    await write(withId("id", setOf()));

    for (const isForgotten of [false, true]) {
      if (isForgotten) forget();
      await expect(write(withId("id", setOf({ value: "other" })))).rejects.toMatchObject({
        code: "IDEMPOTENCY_KEY_REUSED",
      });
    }
  });

  it("is remembered over four keys and an eviction, and the fifth makes the first forgotten", async () => {
    const { write, forget } = await openWorld(options);
    const command = (id: number) => withId(`${id}`, setOf({ value: `${id}` }));
    const versions: string[] = [];
    for (const id of [0, 1, 2, 3, 4]) {
      versions.push((await write(command(id))).version);
      forget();
    }

    const again: string[] = [];
    for (const id of [1, 2, 3, 4, 0]) again.push((await write(command(id))).version);

    expect(again.slice(0, 4)).toEqual(versions.slice(1));
    expect(versions).not.toContain(again[4]);
  });

  it("counts a repetition as no write", async () => {
    const { write, stats } = await openWorld(options);
    await write(withId("id", setOf()));
    await write(withId("id", setOf()));

    expect(stats.report().methods).toEqual({ ASYNC_THREAD: 1, EVENT_BASED: 0 });
  });

  it("is told apart for each key", async () => {
    const { write } = await openWorld(options);

    const a = await write(withId("id", setOf({ key: "a" })));
    const b = await write(withId("id", setOf({ key: "b" })));

    expect(a.version).not.toBe(b.version);
  });
});

describe("a repetition of a write that the store does not have", () => {
  it("is told that the journal has it", async () => {
    const { write, steered } = await openWorld({});
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });
    const command = withId("id", setOf());
    const first = await write(command);

    expect(await write(command)).toMatchObject({
      version: first.version,
      durable: "journal",
      method: "EVENT_BASED",
    });
  });

  it("unpinned, brings it there first: the call that wrote it may have ended", async () => {
    const { write, past, current } = await openWorld({ maxmemoryPolicy: "allkeys-lru" });
    const token = await past.cache.takeLease("user:1");
    const [seen] = await past.cache.observe(["user:1"]);
    const command = withId("id", setOf({ value: "left behind" }));
    const begun = await past.cache.write(command, { seen: seen!, token: token! });
    if (begun.outcome !== "written") throw new Error("The write was refused.");

    const again = await write(command);

    expect(again).toMatchObject({ version: begun.entry.version, durable: "shadow" });
    expect(await current()).toMatchObject({ ...begun.entry });
  });
});

describe("an idempotency key of a write from before the policy pinned anything", () => {
  it("brings the write into the shadow, if its first call ended before", async () => {
    const { writes, redis, past, current } = await openWorld({ maxmemoryPolicy: "allkeys-lru" });
    const command = withId("id", setOf({ value: "first" }));
    // The first write of the key lets the cache judge the key of the second.
    await writes.write(withId("other", setOf({ value: "zeroth" })), "direct");
    const minted = await past.cache.write(command);
    redis.maxmemoryPolicy = "noeviction";
    await past.cache.refreshPolicy();

    const again = await writes.write(command, "direct");

    expect(minted).toMatchObject({ outcome: "written", entry: { version: again.version } });
    expect(again.durable).toBe("shadow");
    expect(await current()).toMatchObject({ version: again.version, value: "first" });
  });
});

function errorOf(error: unknown): unknown {
  return error;
}
