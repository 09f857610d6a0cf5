import { describe, expect, it } from "@jest/globals";
import { LEASE_MS } from "../../../src/sync/projector.ts";
import { setOf } from "../../contract/commands.ts";
import { storeDown } from "../../support/builders.ts";
import { PROJECTOR_INTERVAL_MS } from "../../support/cache-first-world.ts";
import { openProjectorWorld as openWorld } from "../../support/projector-world.ts";
import { deferred } from "../../support/steer.ts";

describe("Projector, running", () => {
  it("looks at start, and then every interval", async () => {
    const { projector, append, valueOf, clock } = await openWorld();
    await append("a");
    projector.start();
    await clock.untilSleeping();
    const atStart = await valueOf("a");
    await append("b");

    await clock.advance(PROJECTOR_INTERVAL_MS - 1);
    const early = await valueOf("b");
    await clock.advance(1);

    expect([atStart, early, await valueOf("b")]).toEqual(["first", undefined, "first"]);
    await projector.stop();
  });

  it("does not wait for the interval when it is told of an event", async () => {
    const { projector, append, valueOf, clock } = await openWorld();
    projector.start();
    await clock.untilSleeping();
    await append("a");

    projector.nudge();
    await clock.advance(0);

    expect(await valueOf("a")).toBe("first");
    expect(clock.monotonicMs()).toBe(0);
    await projector.stop();
  });

  it.each(Array.from({ length: 8 }, (_, n) => n * 250))(
    "brings over within five seconds what a process left that died %d ms after its last look",
    async (afterMs) => {
      const { projector, append, past, waiting, clock } = await openWorld();
      projector.start();
      await clock.untilSleeping();
      await clock.advance(afterMs);
      // One write in Redis alone, one event that waits, and one that the dead process holds.
      await append("held");
      await past.outbox.claim({ owner: "the dead process", limit: 1, leaseMs: LEASE_MS });
      await append("waiting");
      await past.cache.write(setOf({ key: "journal" }));

      let tookMs = 0;
      for (; tookMs < 5_000 && !isEmpty(await waiting()); tookMs += 100) await clock.advance(100);

      expect(await waiting()).toEqual({ events: 0, markers: 0 });
      await projector.stop();
    },
  );

  it("ends after the batch that it is in", async () => {
    const { projector, append, steered, waiting, clock } = await openWorld();
    await append("a");
    const gate = deferred();
    steered.store.on("applyNewer", async (proceed) => {
      await gate.promise;
      return proceed();
    });
    projector.start();
    await clock.advance(0);

    const stopped = projector.stop();
    gate.resolve();
    await stopped;

    expect(await waiting()).toEqual({ events: 0, markers: 0 });
    expect(clock.sleeping).toBe(0);
  });

  it("warns once of an outage, however long it lasts, and says when it is over", async () => {
    const { projector, append, steered, waiting, log, clock } = await openWorld();
    await append("a");
    steered.store.on("applyNewer", async () => {
      throw storeDown();
    });
    projector.start();

    await clock.advance(30 * PROJECTOR_INTERVAL_MS);
    steered.store.on("applyNewer", undefined);
    await clock.advance(60_000);
    await projector.stop();

    expect(log.told).toEqual([
      "warn: The projector cannot work now; what waits is kept and tried again",
      "info: The projector works again",
    ]);
    expect(await waiting()).toEqual({ events: 0, markers: 0 });
  });
});

function isEmpty({ events, markers }: { readonly events: number; readonly markers: number }) {
  return events + markers === 0;
}
