import type { Killer, Mutant } from "./mutant.ts";

const redis = (test: string): Killer => ({
  project: "contract",
  file: "test/contract/redis-cache.test.ts",
  test: `Redis Redis as the authority ${test}`,
});
const fakeRedis = (test: string): Killer => ({
  project: "contract",
  file: "test/contract/fake-redis.test.ts",
  test: `the simulated Redis as the authority ${test}`,
});
const sqlite = (test: string): Killer => ({
  project: "contract",
  file: "test/contract/sqlite.test.ts",
  test,
});
const mongodb = (test: string): Killer => ({
  project: "contract",
  file: "test/contract/mongodb.test.ts",
  test: `MongoDB, standalone MongoDB, standalone as ${test}`,
});
const unit = (file: string, test: string): Killer => ({
  project: "unit",
  file: `test/unit/${file}`,
  test,
});

const SCRIPTS = "src/cache/drivers/redis/scripts";

/** Each is a rule without which an acknowledged write can be lost, undone or hidden. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "MongoDB: unconditional upsert",
    file: "src/store/drivers/mongodb/shadow-row.ts",
    original: `{ $cond: [isStale, "$$ROOT", replacementOf(row)] }`,
    replacement: `{ $cond: [{ $and: [isStale, false] }, "$$ROOT", replacementOf(row)] }`,
    why: "A late or repeated write puts an older value over a newer one.",
    killer: mongodb(
      "a store applyNewer ends with the newest of three versions that arrive as 3, 2, 1",
    ),
  },
  {
    name: "SQLite: unconditional upsert",
    file: "src/store/drivers/sqlite/shadow-rows.ts",
    original: "WHERE excluded.version > kvshadow.version`",
    replacement: "WHERE excluded.version IS NOT NULL`",
    why: "A late or repeated write puts an older value over a newer one.",
    killer: sqlite("applyNewer ends with the newest of three versions that arrive as 3, 2, 1"),
  },
  {
    name: "SQLite: a tombstone is replaced without comparing versions",
    file: "src/store/drivers/sqlite/shadow-rows.ts",
    original: "WHERE excluded.version > kvshadow.version`",
    replacement: "WHERE excluded.version > kvshadow.version OR kvshadow.deleted = 1`",
    why: "A set that arrives after a later delete brings the value back.",
    killer: sqlite("lets a tombstone replace a value, and no older value replace the tombstone"),
  },
  {
    name: "acknowledge.lua: unversioned",
    file: `${SCRIPTS}/acknowledge.lua`,
    original: `redis.call('ZADD', KEYS[2], 'XX', 'GT', integer_text(seq_of(version) + 1), user_key)`,
    replacement: `redis.call('ZREM', KEYS[2], user_key)`,
    why: "The acknowledgement of an older write clears the marker of a newer one, which no sweep then brings over.",
    killer: redis("acknowledge, with an older version than the copy leaves the copy held"),
  },
  {
    name: "simulated Redis: unversioned acknowledge",
    file: "test/support/fake-redis-scripts.ts",
    original: "if (score !== undefined) markers.set(key, Math.max(score, seqOf(version) + 1));",
    replacement: "markers.delete(key);",
    why: "Simulations would prove a protocol on a server that forgives what the real one does not.",
    killer: fakeRedis("acknowledge, with an older version than the copy leaves the copy held"),
  },
  {
    name: "write.lua: value before marker",
    file: `${SCRIPTS}/write.lua`,
    original: `redis.call('HSET', KEYS[3], 'seq', seq_text)`,
    replacement: `redis.call('HSET', KEYS[3], 'seq', seq_text)
if ARGV[2] == 'set' then
  redis.call('SET', KEYS[1], ARGV[3])
end`,
    why: "Redis does not roll back, so a script that fails in between leaves a value that nobody brings to the store.",
    killer: {
      project: "integration",
      file: "test/integration/redis-permissions.test.ts",
      test: "What Redis allows and how it is set up leaves no value behind where its marker cannot be set",
    },
  },
  {
    name: "write.lua: a write leaves the fill lease",
    file: `${SCRIPTS}/write.lua`,
    original: `redis.call('UNLINK', KEYS[5])`,
    replacement: "",
    why: "A reader that looked at the store before the write fills the older value after it, once the copy is evicted.",
    killer: redis("fill does nothing after a write whose copy was evicted at once"),
  },
  {
    name: "write.lua: minted from the clock alone",
    file: `${SCRIPTS}/write.lua`,
    original: "local seq = math.max(tonumber(state[4]) + 1, time_us)",
    replacement: "local seq = time_us",
    why: "After the clock is set back, new writes are older than what the store has and never reach it.",
    killer: redis("versions go on one by one from the last while the clock is behind it"),
  },
  {
    name: "fill.lua: no lease",
    file: `${SCRIPTS}/fill.lua`,
    original: `if redis.call('GET', KEYS[5]) ~= ARGV[2] then`,
    replacement: "if false then",
    why: "A reader that looked before a write fills the older value over it.",
    killer: redis("fill does nothing"),
  },
  {
    name: "acknowledged by the outbox",
    file: "src/sync/cache-first-delivery.ts",
    original: "    if (appended.value.isLeftBehind) throw this.#leftBehind();\n    return",
    replacement: "    await this.#acknowledge(new Map([[entry.key, entry.version]]));\n    return",
    why: "The value can be evicted before the shadow has it, and a reader then gets the older one.",
    killer: unit(
      "sync/cache-first-delivery-pinned.test.ts",
      "is in the outbox and still marked in the journal when the caller is told",
    ),
  },
  {
    name: "unpinned: settle omitted",
    file: "src/sync/cache-first-delivery.ts",
    original: "      await this.#tell(deadlineMs, () => this.#parts.cache.settle(key, version));",
    replacement: "      await this.#tell(deadlineMs, () => Promise.resolve(version));",
    why: "A reader that looked at the shadow before the write landed fills the older value after it.",
    killer: unit(
      "sync/cache-first-delivery-unpinned.test.ts",
      "voids the lease of a reader that looked before the write landed",
    ),
  },
  {
    name: "sweep: markers go before the shadow has the writes",
    file: "src/sync/journal-sweep.ts",
    original: "    const { versions, refused } = await applyEntries(this.#store, entries, life);",
    replacement: `    await this.#acknowledge(new Map(entries.map(({ key, version }) => [key, version])));
    const { versions, refused } = await applyEntries(this.#store, entries, life);`,
    why: "A crash or an outage in between loses the only sign that the store lacks the write.",
    killer: unit("sync/journal-sweep.test.ts", "loses nothing while the store is down"),
  },
  {
    name: "projector: processed before the upsert",
    file: "src/sync/projector.ts",
    original: "      const { versions, refused } = await applyEvents(store, batch, life);",
    replacement: `      await outbox.markProcessed(ids);
      const { versions, refused } = await applyEvents(store, batch, life);`,
    why: "A crash or an outage in between loses the event.",
    killer: unit("sync/projector.test.ts", "is repeated without harm after a crash before"),
  },
  {
    name: "repair: without its condition",
    file: "src/verify/cache-first-repair.ts",
    original: "const written = await this.#cache.write(command, guard);",
    replacement: "const written = await this.#cache.write(command);",
    why: "A repair that was planned on an older look undoes a write that came in between.",
    killer: unit("verify/repairer-race.test.ts", "never covers a write that"),
  },
  {
    name: "repair plan: applied without comparing",
    file: "src/verify/plan-applier.ts",
    original: "    fingerprintOf(look) === item.fingerprint &&",
    replacement: '    fingerprintOf(look) !== "" &&',
    why: "A key that changed since somebody read the plan is repaired all the same, in another way than it said.",
    killer: unit(
      "verify/repair-plans.test.ts",
      "leaves alone what another program has changed once more",
    ),
  },
  {
    name: "repair plan: undone without its condition",
    file: "src/verify/plan-undoer.ts",
    original: "newestVersion(look) === left && !isTouched",
    replacement: "!isTouched",
    why: "The undo covers a write that came after the repair.",
    killer: unit("verify/repair-plans.test.ts", "alone that was written after the repair"),
  },
  {
    name: "repair: what is outdated counts as taken away",
    file: "src/verify/taken-away.ts",
    original: "meta === undefined || stored === undefined || meta.version >= stored.version",
    replacement: "meta === undefined || stored === undefined || meta.version > '0'",
    why: "The undo of a repair covers the newest value with the outdated one that the other side had.",
    killer: unit("verify/repairer.test.ts", "is nothing where the cached value was older"),
  },
  {
    name: "repair plan: what is taken away is not noted first",
    file: "src/verify/finish-page.ts",
    original: 'return (await note(noted)) ? steps : "changed";',
    replacement: 'return !isLastTry || (await note(noted)) ? steps : "changed";',
    why: "A crash right after a repair loses what it replaced.",
    killer: unit("verify/repair-plans.test.ts", "in the middle of applying a plan loses no undo"),
  },
  {
    name: "verifier: no second look",
    file: "src/verify/looker.ts",
    original: "return newEvent || hasChanged(before, after)",
    replacement: "return newEvent && hasChanged(before, after)",
    why: "Traffic between the reads is reported as drift, and a repair of it would be wrong.",
    killer: unit("verify/looker-traffic.test.ts", "Looker, pinned a key that is in step"),
  },
  {
    name: "prelude.lua: fence without the run id",
    file: `${SCRIPTS}/prelude.lua`,
    original: "return state[1] ~= store_id or state[2] ~= RUN or is_another_run()",
    replacement: "return state[1] ~= store_id",
    why: "A Redis that came back with an older state answers as if nothing were lost.",
    killer: {
      project: "integration",
      file: "test/integration/lost-state.test.ts",
      test: "a redis that loses state still shows the last write",
    },
  },
  {
    name: "install.lua: no compare-and-set",
    file: `${SCRIPTS}/install.lua`,
    original: "if not is_as_found(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then",
    replacement: "if false then",
    why: "A process that is late puts an epoch back that another has already outrun.",
    killer: redis("bindStore lets one of two install an epoch"),
  },
  {
    name: "epoch check omitted",
    file: "src/sync/epoch-check.ts",
    original: "(epochs.get(bucketOf(key)) ?? 0) > epochOf(version))",
    replacement: "(epochs.get(bucketOf(key)) ?? 0) > epochOf(version) + 1_000)",
    why: "A process on a Redis that was left behind acknowledges writes that no reader elsewhere sees.",
    killer: unit(
      "sync/epoch-check.test.ts",
      "tells two writes of a key apart, one from before a loss",
    ),
  },
  {
    name: "SQLite: purge above its limit",
    file: "src/store/drivers/sqlite/sqlite-purge.ts",
    original: "  if (belowVersion !== undefined && version >= belowVersion) return false;\n",
    replacement: "",
    why: "A tombstone goes while an older event of its key still waits, which then brings the value back.",
    killer: sqlite("SQLite as one that forgets the dead"),
  },
];
