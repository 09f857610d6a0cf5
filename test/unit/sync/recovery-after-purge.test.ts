import { describe, expect, it } from "@jest/globals";
import type { CacheObservation } from "../../../src/cache/cache-port.ts";
import { BUCKETS } from "../../../src/model/bucket.ts";
import type { BucketStatesPort } from "../../../src/store/bucket-states-port.ts";
import { JournalLedger } from "../../../src/sync/journal-ledger.ts";
import { Recovery } from "../../../src/sync/recovery.ts";
import { deleteOf, setOf } from "../../contract/commands.ts";
import { openCacheFirstWorld, SYNC_TIMEOUT_MS } from "../../support/cache-first-world.ts";
import { runThrough } from "../../support/run-through.ts";
import { steer } from "../../support/steer.ts";

const TWO_DAYS_MS = 48 * 3_600_000;
const EVERYTHING = Array.from({ length: BUCKETS }, (_, bucket) => ({
  bucket,
  belowVersion: undefined,
  belowSeq: undefined,
}));

describe("recovery while the dead are purged", () => {
  it.each(["rowsAbove", "read"] as const)(
    "sets a copy aside whose tombstone goes just before %s, or it would come back",
    async (method) => {
      const { clock, log, past, redis, sqlite, writes } = await openCacheFirstWorld();
      await runThrough(clock, writes.write(setOf({ value: "deleted since" }), "direct"));
      const saved = redis.snapshot();
      await runThrough(clock, writes.write(deleteOf(), "direct"));
      await clock.advance(TWO_DAYS_MS);
      const states = steer<BucketStatesPort>("states", past.bucketStates, []);
      states.on(method, async (proceed) => {
        states.on(method, undefined);
        await sqlite.purge.purge({ within: EVERYTHING, limit: 10 });
        return proceed();
      });
      const recovery = new Recovery({
        ...past,
        bucketStates: states.port,
        ledger: new JournalLedger(),
        clock,
        log,
        waitMs: SYNC_TIMEOUT_MS,
      });

      redis.restart(saved);
      await recovery.recoverAll();

      expect(await past.store.get("user:1")).toBeUndefined();
      const [cached] = (await past.cache.observe(["user:1"])) as [CacheObservation];
      expect(cached).toMatchObject({ value: undefined, meta: undefined });
    },
  );
});
