import type { Entry, SyncMethod } from "../../../src/model/entry.ts";
import type { BucketState } from "../../../src/store/bucket-states-port.ts";
import type { Mechanism } from "../mechanisms.ts";
import type { Sabotage } from "./replay.ts";

/** Takes away what keeps a purge from bringing keys back, or from taking those that live. */
export const PURGE_SABOTAGES: Readonly<Partial<Record<Mechanism, Sabotage>>> = {
  purge_by_version: ({ steeredPurge, database }) => {
    steeredPurge.on("purge", async () => {
      database.query("DELETE FROM kvshadow").run();
      return { purged: 1, cursor: undefined };
    });
  },
  purge_waits: ({ steered, steeredPurge }) => {
    steered.cache.on("oldestPendingSeqs", async () => new Map());
    steeredPurge.on("oldestEvents", async () => []);
  },
  purge_rests: ({ steered }) => {
    let looks = 0;
    steered.cache.on("oldestPendingSeqs", (proceed) => {
      looks += 1;
      return looks === 1 ? Promise.resolve(new Map()) : proceed();
    });
  },
  purge_record: ({ steeredPurge, database }) => {
    steeredPurge.on("purge", async (proceed) => {
      const page = await proceed();
      database.query("UPDATE bucket_states SET highest_purged = NULL").run();
      return page;
    });
  },
  record_after_row: ({ recoveryStates }) => {
    let first: readonly BucketState[] | undefined;
    recoveryStates.on("read", async (proceed, [buckets]) => {
      const states = (await proceed()) as readonly BucketState[];
      if ((buckets as readonly number[]).length > 1) return states;
      first ??= states;
      const [known] = first;
      return states.map((state) => ({ ...state, highestPurged: known?.highestPurged }));
    });
  },
  statement_life: ({ steered, past }) => {
    steered.store.on("applyNewer", (_, [entries, method]) =>
      past.store.applyNewer(entries as readonly Entry[], method as SyncMethod),
    );
  },
};
