import type {
  Acknowledgement,
  CacheAuthorityPort,
} from "../../../src/cache/cache-authority-port.ts";
import type { Entry } from "../../../src/model/entry.ts";
import type { Mechanism } from "../mechanisms.ts";
import type { ReplayProcess } from "./process.ts";
import type { Sabotage } from "./replay.ts";

/** Takes a mechanism away from the production code, by what one of its ports then does. */
export const SABOTAGES: Readonly<Partial<Record<Mechanism, Sabotage>>> = {
  conditional_upsert: ({ steered, database }) => {
    steered.store.on("applyNewer", (proceed) => {
      forgetRows(database);
      return proceed();
    });
  },
  tombstones: ({ steered, database }) => {
    steered.store.on("applyNewer", async (proceed, [entries]) => {
      const versions = await proceed();
      if ((entries as readonly Entry[]).some(({ value }) => value === null)) forgetRows(database);
      return versions;
    });
  },
  versioned_acknowledgement: ({ steered, past, redis }) => {
    steered.cache.on("acknowledge", (_, [acks]) => {
      return past.cache.acknowledge(
        (acks as readonly Acknowledgement[]).map(({ key, version }) => ({
          key,
          version: redis.meta(key)?.version ?? version,
        })),
      );
    });
  },
  only_shadow_clears_marker: ({ steered, past }) => {
    steered.outbox.on("append", async (proceed, [entries]) => {
      await proceed();
      await past.cache.acknowledge(entries as readonly Entry[]);
    });
  },
  pinning: ({ redis }) => {
    redis.evict = (key, what) => {
      redis.evictedKeys += 1;
      if (what === "value") redis.values.delete(key);
      else redis.metas.delete(key);
    };
  },
  fill_lease: fillWithoutLease,
  acknowledgement_voids_lease: fillWithoutLease,
  settle: withoutSettling,
  owed_settle: withoutSettling,
  projector_settles: (world) => {
    const { steered, redis } = world;
    withoutSettling(world);
    steered.cache.on("acknowledge", async (proceed) => {
      const leases = [...redis.leases];
      const outcomes = await proceed();
      for (const [key, lease] of leases) redis.leases.set(key, lease);
      return outcomes;
    });
  },
  events_first: ({ steered }) => {
    steered.outbox.on("unprocessedOf", async () => new Map());
  },
  second_look: onlyFirstLooks,
  third_look: onlyFirstLooks,
  repair_condition: ({ steered, past }) => {
    steered.cache.on("write", (_, [command]) => {
      return past.cache.write(command as Parameters<CacheAuthorityPort["write"]>[0]);
    });
  },
};

function fillWithoutLease({ steered, redis }: ReplayProcess): void {
  steered.cache.on("fill", (proceed, [entry, token]) => {
    const untilMs = redis.nowMs() + 1000;
    redis.leases.set((entry as Entry).key, { token: token as string, untilMs });
    return proceed();
  });
}

function withoutSettling({ steered }: ReplayProcess): void {
  steered.cache.on("settle", async () => "newer");
}

/** Whoever looks twice sees what they saw the first time. */
function onlyFirstLooks({ steered }: ReplayProcess): void {
  const once = () => {
    let first: Promise<unknown> | undefined;
    return (proceed: () => Promise<unknown>) => (first ??= proceed());
  };
  steered.cache.on("observe", once());
  steered.outbox.on("unprocessedOf", once());
  steered.store.on("get", once());
}

function forgetRows(database: ReplayProcess["database"]): void {
  database.query("DELETE FROM kvshadow").run();
}
