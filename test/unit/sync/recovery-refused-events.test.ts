import { expect, it } from "@jest/globals";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import { Recovery } from "../../../src/sync/recovery.ts";
import { setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld } from "../../support/cache-first-world.ts";

it("a write that is in the outbox alone, because the store refuses it, is read after Redis has gone back to an older one", async () => {
  const { writes, reads, redis, steered, past, ports, ledger, clock, log } =
    await openCacheFirstWorld();
  const recovery = new Recovery({
    ...past,
    store: ports.store,
    ledger,
    clock,
    log,
    waitMs: 2000,
  });
  await writes.write(setOf({ key: "a", value: "old" }), "direct");
  const before = redis.snapshot();
  const refuse = async () => {
    throw new LockstepError("DOCUMENT_REFUSED", "A rule forbids it.");
  };
  steered.store.on("applyNewer", refuse);
  const last = await writes.write(setOf({ key: "a", value: "last" }), "direct");
  expect(last.durable).toBe("outbox");

  redis.restart(before);
  await recovery.recoverAll();

  expect(await reads.read("a")).toMatchObject({
    value: "last",
    version: last.version,
    durable: "outbox",
  });
});
