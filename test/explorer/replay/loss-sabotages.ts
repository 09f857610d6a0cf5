import type { CacheBucket } from "../../../src/cache/cache-buckets-port.ts";
import { bucketOf } from "../../../src/model/bucket.ts";
import type { Entry } from "../../../src/model/entry.ts";
import { epochOf, formatVersion } from "../../../src/model/version.ts";
import type {
  BucketState,
  RowsAbovePage,
  RowVersion,
} from "../../../src/store/bucket-states-port.ts";
import type { Mechanism } from "../mechanisms.ts";
import { KEY } from "./parts.ts";
import type { Sabotage } from "./replay.ts";

/** Takes away what a loss of Redis state is met with. */
export const LOSS_SABOTAGES: Readonly<Partial<Record<Mechanism, Sabotage>>> = {
  fence: ({ redis }) => {
    const restart = redis.restart.bind(redis);
    redis.restart = (from) => {
      const { run } = redis;
      restart(from);
      redis.run = run;
    };
  },
  run_bound_fill: ({ steered, past, redis }) => {
    steered.cache.on("fill", (_, args) => {
      const [entry, token] = args as [Entry, string];
      const renamed = token.replace(/@.*/, `@${redis.run}`);
      const lease = redis.leases.get(KEY);
      if (lease?.token === token) redis.leases.set(KEY, { ...lease, token: renamed });
      return past.cache.fill(entry, renamed);
    });
  },
  epoch_check: ({ steeredStates }) => {
    steeredStates.on("read", async (proceed) => inEpoch(0, await proceed()));
  },
  // The first question is whether the write was left behind, the others are whom to tell.
  current_epoch_told: ({ steeredStates }) => {
    let hasAsked = false;
    steeredStates.on("read", async (proceed) => {
      const states = await proceed();
      if (hasAsked) return inEpoch(0, states);
      hasAsked = true;
      return states;
    });
  },
  new_epoch: ({ recoveryStates, past }) => {
    recoveryStates.on("raiseEpoch", async (_, [bucket]) => {
      const [state] = await past.bucketStates.read([bucket as number]);
      return state?.epoch;
    });
  },
  recovery_events: ({ steered }) => {
    steered.outbox.on("unprocessedIn", async () => ({ events: [], cursor: undefined }));
  },
  recovery_drop: ({ steeredBuckets }) => {
    steeredBuckets.on("dropOlder", async () => []);
  },
  recovery_looks_back: ({ recoveryStates, redis }) => {
    recoveryStates.on("rowsAbove", async (proceed, [page]) => {
      const { above } = page as RowsAbovePage;
      const epoch = redis.states.get(bucketOf(KEY))?.epoch ?? 0;
      return above !== "" && epochOf(above) < epoch ? [] : proceed();
    });
  },
  recovery_looks_below: ({ recoveryStates, redis }) => {
    recoveryStates.on("rowsAbove", async (proceed, [page]) => {
      const rows = (await proceed()) as readonly RowVersion[];
      const { above } = page as RowsAbovePage;
      const { epoch = 0, seq = 0 } = redis.states.get(bucketOf(KEY)) ?? {};
      const known = formatVersion(epoch, seq);
      return epochOf(above) < epoch ? rows : rows.filter(({ version }) => version > known);
    });
  },
  late_landing_drops: ({ steered, redis }) => {
    steered.cache.on("acknowledge", async (proceed) => {
      const held = redis.meta(KEY) === undefined ? redis.value(KEY) : undefined;
      const outcomes = await proceed();
      if (held !== undefined) redis.values.set(KEY, held);
      return outcomes;
    });
  },
  // Who tells the cache of a write that another process has brought to the store has just heard of it.
  answer_drops: ({ steered }) => {
    let isOwn = false;
    steered.store.on("applyNewer", (proceed) => {
      isOwn = true;
      return proceed();
    });
    steered.cache.on("acknowledge", (proceed) => (isOwn ? proceed() : Promise.resolve(["newer"])));
  },
  compare_and_set_install: ({ steeredBuckets, past }) => {
    steeredBuckets.on("install", async (_, args) => {
      const [{ bucket }, epoch] = args as [CacheBucket, number];
      const [now] = (await past.cache.buckets.states([bucket])) as [CacheBucket];
      return past.cache.buckets.install({ ...now, epoch: undefined }, epoch);
    });
  },
  confirmed_epoch: ({ recoveryStates }) => {
    recoveryStates.on("read", async (proceed) => inEpoch(0, await proceed()));
  },
};

/** A sweep and a projector ask only whom to tell. */
export const tellingAnyRedis: Sabotage = ({ steeredStates }) => {
  steeredStates.on("read", async (proceed) => inEpoch(0, await proceed()));
};

function inEpoch(epoch: number, states: unknown): readonly BucketState[] {
  return (states as readonly BucketState[]).map((state) => ({ ...state, epoch }));
}
