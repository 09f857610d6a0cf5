import { describe, expect, it } from "@jest/globals";
import { STATEMENT_LIFE_MS } from "../../../src/store/statement-life.ts";
import { setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { openProjectorWorld } from "../../support/projector-world.ts";
import { runThrough } from "../../support/run-through.ts";
import type { Steering } from "../../support/steer.ts";

/** The process stands still right after the step has been answered, for as long as a statement lives. */
function thenStandStill({ advance }: { advance: (ms: number) => Promise<void> }): Steering {
  return async (proceed) => {
    const answer = await proceed();
    await advance(STATEMENT_LIFE_MS);
    return answer;
  };
}

describe("a process that stands still for the life of a statement", () => {
  it("after Redis has minted leaves the write to the journal", async () => {
    const { writes, past, steered, clock } = await openCacheFirstWorld();
    steered.cache.on("write", thenStandStill({ advance: (ms) => clock.advance(ms) }));

    const receipt = await runThrough(clock, writes.write(setOf(), "direct"));

    expect(receipt.durable).toBe("journal");
    expect(await past.store.get("user:1")).toBeUndefined();
    expect(await past.cache.countPending(0)).toBe(1);
  });

  it("after Redis has minted appends no event either", async () => {
    const { writes, past, steered, clock } = await openCacheFirstWorld();
    steered.cache.on("write", thenStandStill({ advance: (ms) => clock.advance(ms) }));

    const receipt = await runThrough(clock, writes.write(setOf(), "event"));

    expect(receipt.durable).toBe("journal");
    expect(await past.outbox.countUnprocessed()).toBe(0);
  });

  it("after it has claimed events applies none, and they are claimed again", async () => {
    const { projector, steered, clock, signal, append, valueOf, waiting } =
      await openProjectorWorld();
    await append("user:1");
    steered.outbox.on("claim", thenStandStill({ advance: (ms) => clock.advance(ms) }));

    await expect(projector.drain(signal)).rejects.toMatchObject({ code: "WRITE_EXPIRED" });
    expect(await valueOf("user:1")).toBeUndefined();
    expect(await waiting()).toMatchObject({ events: 1 });

    steered.outbox.on("claim", undefined);
    await clock.advance(60_000);
    await projector.drain(signal);
    expect(await valueOf("user:1")).toBe("first");
  });

  it("after it has read the journal brings nothing over, and reads it again", async () => {
    const { sweep, past, steered, clock } = await openCacheFirstWorld();
    const { signal } = new AbortController();
    await past.cache.write(setOf());
    await clock.advance(5000);
    steered.cache.on("contents", thenStandStill({ advance: (ms) => clock.advance(ms) }));

    await expect(sweep.run(signal)).rejects.toMatchObject({ code: "WRITE_EXPIRED" });
    expect(await past.store.get("user:1")).toBeUndefined();

    steered.cache.on("contents", undefined);
    expect(await sweep.run(signal)).toBe(1);
  });

  it("after it has looked at a key repairs nothing", async () => {
    const { repairer, past, steered, clock } = await openCacheFirstWorld();
    await past.cache.write(setOf());
    await clock.advance(60_000);
    steered.cache.on("observe", thenStandStill({ advance: (ms) => clock.advance(ms) }));

    await expect(
      repairer.repair("user:1", { strategy: "auto", dryRun: false }),
    ).rejects.toMatchObject({ code: "WRITE_EXPIRED" });

    expect(await past.store.get("user:1")).toBeUndefined();
  });
});
