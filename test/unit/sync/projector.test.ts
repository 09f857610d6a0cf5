import { describe, expect, it } from "@jest/globals";
import type { Acknowledgement } from "../../../src/cache/cache-authority-port.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { setOf } from "../../contract/commands.ts";
import { entryOf, versionNo } from "../../contract/entries.ts";
import { cacheDown, storeDown } from "../../support/builders.ts";
import { openProjectorWorld as openWorld } from "../../support/projector-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { deferred } from "../../support/steer.ts";

const recovering = () => new LockstepError("RECOVERING", "Redis is being recovered.");
const nothing = { events: 0, markers: 0 };

describe("Projector", () => {
  it("applies events, then acknowledges, then marks them processed", async () => {
    const { projector, append, valueOf, waiting, calls, signal } = await openWorld();
    await append("a");

    expect(await projector.drain(signal)).toEqual({ events: 1, journal: 0 });

    expect(await valueOf("a")).toBe("first");
    expect(await waiting()).toEqual(nothing);
    const steps = ["store.applyNewer", "cache.acknowledge", "outbox.markProcessed"];
    expect(calls.filter((call) => steps.includes(call))).toEqual(steps);
  });

  it("goes on until the outbox is empty, batch by batch", async () => {
    const { projector, append, waiting, calls, signal } = await openWorld({ batchSize: 3 });
    for (const key of ["a", "b", "c", "d", "e", "f", "g"]) await append(key);

    expect(await projector.drain(signal)).toMatchObject({ events: 7 });

    expect(await waiting()).toEqual(nothing);
    expect(calls.filter((call) => call === "store.applyNewer")).toHaveLength(3);
  });

  it("keeps the newer version when an older event arrives late", async () => {
    const { projector, past, valueOf, signal } = await openWorld();
    const newer = entryOf({ key: "a", version: versionNo(2), value: "newer" });
    await past.outbox.append([newer]);
    await projector.drain(signal);
    await past.outbox.append([entryOf({ key: "a", version: versionNo(1), value: "older" })]);

    await projector.drain(signal);

    expect(await valueOf("a")).toBe("newer");
    expect(await past.outbox.countUnprocessed()).toBe(0);
  });

  it("writes each key once, however often it is in the batch", async () => {
    const { projector, append, steered, valueOf, waiting, signal } = await openWorld();
    for (const value of ["first", "second", "third"]) await append("a", value);
    await append("b");
    const written: unknown[] = [];
    steered.store.on("applyNewer", async (proceed, [entries]) => {
      written.push((entries as { value: string }[]).map(({ value }) => value));
      return proceed();
    });

    expect(await projector.drain(signal)).toMatchObject({ events: 4 });

    expect(written).toEqual([["third", "first"]]);
    expect(await valueOf("a")).toBe("third");
    expect(await waiting()).toEqual(nothing);
  });

  it("sweeps the journal after the outbox", async () => {
    const { projector, append, past, clock, waiting, signal } = await openWorld();
    await past.cache.write(setOf({ key: "left behind" }));
    await clock.advance(1000);
    await append("a");

    expect(await projector.drain(signal)).toEqual({ events: 1, journal: 1 });

    expect(await waiting()).toEqual(nothing);
  });

  const STEPS = [
    ["store", "applyNewer"],
    ["cache", "acknowledge"],
    ["outbox", "markProcessed"],
  ] as const;

  it.each(STEPS)("is repeated without harm after a crash before %s.%s", async (port, method) => {
    const { projector, append, steered, waiting, valueOf, clock, signal } = await openWorld();
    await append("a");
    const hanging = steered as Record<string, { on(m: string, s: unknown): void }>;
    hanging[port]!.on(method, () => new Promise(() => undefined));
    void projector.drain(signal);
    await clock.advance(0);
    hanging[port]!.on(method, undefined);
    const before = await waiting();
    // The dead process' claim runs out.
    await clock.advance(10_000);

    await projector.drain(signal);

    expect(before.events).toBe(1);
    expect(await valueOf("a")).toBe("first");
    expect(await waiting()).toEqual(nothing);
  });

  it("gives a batch back when the store fails, and tries it again only after a pause", async () => {
    const { projector, append, steered, waiting, clock, signal } = await openWorld();
    await append("a");
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });
    await expect(projector.drain(signal)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    steered.store.on("applyNewer", undefined);

    const atOnce = await projector.drain(signal);
    await clock.advance(1000);
    const later = await projector.drain(signal);

    expect([atOnce.events, later.events]).toEqual([0, 1]);
    expect(await waiting()).toEqual(nothing);
  });

  it("lets events rest no longer however long an outage lasts, and counts no attempt", async () => {
    const { projector, append, steered, past, clock, signal } = await openWorld();
    await append("a");
    steered.cache.on("acknowledge", async () => {
      throw cacheDown();
    });
    const rests: number[] = [];
    steered.outbox.on("release", async (proceed, [, retryAfterMs]) => {
      rests.push(retryAfterMs as number);
      return proceed();
    });

    for (let attempt = 0; attempt < 4; attempt += 1) {
      await projector.drain(signal).catch(() => undefined);
      await clock.advance(1000);
    }

    expect(rests).toHaveLength(4);
    expect(Math.max(...rests)).toBeLessThanOrEqual(1000);
    expect(Math.min(...rests)).toBeGreaterThanOrEqual(500);
    const [event] = (await past.outbox.unprocessedOf(["a"])).get("a")!;
    expect(event).toMatchObject({ attempts: 0 });
  });

  it("lets nothing wait behind what a bucket of the cache keeps from being acknowledged", async () => {
    const { projector, append, steered, past, valueOf, clock, waiting, signal } = await openWorld({
      batchSize: 1,
    });
    await past.cache.write(setOf({ key: "in the journal" }));
    for (let i = 0; i < 6; i += 1) {
      await clock.advance(1);
      await append(`stuck ${i}`);
    }
    await clock.advance(1);
    await append("behind");
    await clock.advance(1000);
    steered.cache.on("acknowledge", async (proceed, [acks]) => {
      if ((acks as Acknowledgement[]).some(({ key }) => key.startsWith("stuck")))
        throw recovering();
      return proceed();
    });

    await expect(projector.drain(signal)).rejects.toMatchObject({ code: "RECOVERING" });

    expect([await valueOf("behind"), await valueOf("in the journal")]).toEqual(["first", "new"]);
    expect(await waiting()).toMatchObject({ events: 6 });
  });

  it("ends though what is stuck comes round again and again", async () => {
    const { projector, append, steered, clock, calls, signal } = await openWorld({ batchSize: 1 });
    await append("a");
    await append("b");
    steered.cache.on("acknowledge", async () => {
      await clock.sleep(2000);
      throw recovering();
    });

    const drained = runThrough(clock, projector.drain(signal));

    await expect(drained).rejects.toMatchObject({ code: "RECOVERING" });
    expect(calls.filter((call) => call === "store.applyNewer").length).toBeLessThanOrEqual(4);
  });

  it("tells the first failure where giving back fails too", async () => {
    const { projector, append, steered, signal } = await openWorld();
    await append("a");
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });
    steered.outbox.on("release", async () => {
      throw new Error("the second failure");
    });

    await expect(projector.drain(signal)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  it("finishes what it has claimed when it is stopped, and claims nothing more", async () => {
    const { projector, append, calls, steered, waiting } = await openWorld({ batchSize: 1 });
    await append("a");
    await append("b");
    const stop = new AbortController();
    steered.outbox.on("claim", async (proceed) => {
      stop.abort();
      return proceed();
    });

    expect(await projector.drain(stop.signal)).toEqual({ events: 1, journal: 0 });
    expect(await waiting()).toEqual({ events: 1, markers: 1 });
    const before = calls.length;
    expect(await projector.drain(stop.signal)).toEqual({ events: 0, journal: 0 });

    expect(calls).toHaveLength(before);
  });

  it("works on a few batches at once, and claims no more than that ahead", async () => {
    const { projector, append, steered, calls, waiting, clock, signal } = await openWorld({
      batchSize: 1,
    });
    for (const key of ["a", "b", "c", "d", "e", "f"]) await append(key);
    const gate = deferred();
    steered.store.on("applyNewer", async (proceed) => {
      await gate.promise;
      return proceed();
    });
    const drained = projector.drain(signal);
    await clock.advance(0);
    const claims = calls.filter((call) => call === "outbox.claim").length;

    gate.resolve();

    expect(claims).toBe(4);
    expect(await drained).toMatchObject({ events: 6 });
    expect(await waiting()).toEqual(nothing);
  });

  it("gives back or finishes every batch that it has claimed when one of them fails", async () => {
    const { projector, append, steered, waiting, clock, signal } = await openWorld({
      batchSize: 1,
    });
    for (const key of ["a", "b", "c"]) await append(key);
    const failures = [storeDown()];
    steered.store.on("applyNewer", async (proceed) => {
      const failure = failures.pop();
      if (failure !== undefined) throw failure;
      return proceed();
    });
    await expect(projector.drain(signal)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });

    // Much sooner than a claim runs out by itself.
    await clock.advance(1000);
    await projector.drain(signal);

    expect(await waiting()).toEqual(nothing);
  });
});
