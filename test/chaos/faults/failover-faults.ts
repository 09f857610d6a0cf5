import type { FaultKind } from "./fault.ts";

/** The replica takes over at once: what had not reached it yet is lost. */
export const failOver: FaultKind = () => ({
  subject: "redis",
  name: "promote the replica; the old primary follows it",
  async begin(world) {
    await world.detachReplica();
    await world.switchToReplica();
  },
});

/** The replica had lost its primary a while before it takes over. */
export const failOverBehind: FaultKind = () => ({
  subject: "redis",
  name: "detach the replica, and later promote it as it was then",
  begin: (world) => world.detachReplica(),
  end: (world) => world.switchToReplica(),
});

/** One server process goes on with the primary that the others have left, and hears of it later. */
export const splitBrain: FaultKind = (random, { servers }) => {
  const at = random.integer(servers);
  return {
    subject: "redis",
    name: `promote the replica for all but server-${at}, and later for that too`,
    splits: true,
    async begin(world) {
      await world.detachReplica();
      world.leadToReplica(world.redisLinks.filter((_, link) => link !== at));
    },
    end: (world) => world.switchToReplica(),
  };
};

/** No resync, so the run id, the scripts and all data stay, and only the replication id tells. */
export const demoteAndPromote: FaultKind = () => ({
  subject: "redis",
  name: "demote the primary to a replica of nobody, and promote it again",
  begin: (world) => world.demotePrimary(),
  end: (world) => world.promotePrimary(),
});

/** As before, but others have written to the replica meanwhile: what comes back is an old state under a known run id. */
export const returnOfThePrimary: FaultKind = () => ({
  subject: "redis",
  name: "promote the replica, and later the old primary again as it was",
  async begin(world) {
    await world.detachReplica();
    await world.demotePrimary();
    world.leadToReplica(world.redisLinks);
  },
  async end(world) {
    await world.promotePrimary();
    world.leadToPrimary();
    await world.attachReplica();
  },
});
