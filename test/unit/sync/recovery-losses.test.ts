import { describe, expect, it } from "@jest/globals";
import { epochOf, formatVersion, seqOf } from "../../../src/model/version.ts";
import { BUCKET, KEY, openRecoveryWorld } from "../../support/recovery-world.ts";

/** A process whose write was acknowledged from the journal, and a Redis that can go back to before it. */
async function openWorld() {
  const world = await openRecoveryWorld();
  const [process, other] = [await world.openProcess(), await world.openProcess()];
  const before = world.redis.snapshot();
  const entry = await process.journal();
  return { ...world, process, other, before, entry };
}

const later = (version: string) => formatVersion(epochOf(version), seqOf(version) + 1);

describe("the losses of a journal", () => {
  it("are told by key and version, once", async () => {
    const { process, restart, before, entry } = await openWorld();
    restart(before);

    await process.recovery.recoverAll();
    await process.recovery.recoverAll();
    restart(before);
    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([[KEY]]);
    expect(process.log.told).toContain(
      "error: Redis has lost writes that were acknowledged from its journal",
    );
    expect(process.recovery.report).toMatchObject({
      lost: 1,
      lostWrites: [{ key: KEY, version: entry.version }],
    });
  });

  it("are told by the process that acknowledged them where another one has recovered", async () => {
    const { process, other, restart, before } = await openWorld();
    restart(before);

    await other.recovery.recoverAll();
    expect(process.losses()).toEqual([]);
    await process.recovery.recoverAll();

    expect(other.losses()).toEqual([]);
    expect(process.losses()).toEqual([[KEY]]);
  });

  it("are told once where all buckets are recovered at once, by calls and in the background", async () => {
    const { process, redis, before } = await openWorld();
    const keys = Array.from({ length: 50 }, (_, at) => `key ${at}`);
    for (const key of keys) await process.journal(key);
    redis.restart(before);

    await Promise.all([
      process.recovery.recoverAll(),
      ...keys.map((key) => process.cache.observe([key])),
      process.recovery.recoverAll(),
    ]);
    await process.recovery.recoverAll();

    expect(process.losses().flat().toSorted()).toEqual([KEY, ...keys].toSorted());
  });

  it("do not include what the cache still has; what it loses the next time is told then", async () => {
    const { process, restart, before } = await openWorld();
    restart();
    await process.recovery.recoverAll();
    expect(process.losses()).toEqual([]);

    restart(before);
    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([[KEY]]);
  });

  it("do not include what has come to the shadow, by whomever", async () => {
    const { process, past, restart, before, entry } = await openWorld();
    await past.store.applyNewer([entry], "EVENT_BASED");
    restart(before);

    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([]);
    expect(process.ledger.size).toBe(0);
  });

  it("do not include what waits in the outbox", async () => {
    const { process, past, restart, before, entry } = await openWorld();
    await past.outbox.append([entry]);
    restart(before);

    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([]);
  });

  it("do not include what was overtaken by a newer write in the store", async () => {
    const { process, past, restart, before, entry } = await openWorld();
    await past.store.applyNewer([{ ...entry, version: later(entry.version) }], "EVENT_BASED");
    restart(before);

    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([]);
  });

  it("do not include what was purged since others brought it to the store", async () => {
    const { process, restart, before, purgedUpTo, entry } = await openWorld();
    purgedUpTo(entry.version);
    restart(before);

    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([]);
    expect(process.ledger.size).toBe(0);
  });

  it("include a write that was acknowledged only after its process had seen the new epoch", async () => {
    const { process, restart, before } = await openWorld();
    const late = await process.write("{user:1}late");
    restart(before);
    await process.recovery.recoverAll();
    process.ledger.acknowledged(late.key, late.version);

    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([[KEY], [late.key]]);
  });

  it("do not include what was written since", async () => {
    const { process, restart, before } = await openWorld();
    restart(before);
    await process.recovery.recoverAll();
    await process.journal("{user:1}since");

    await process.recovery.recoverAll();

    expect(process.losses()).toEqual([[KEY]]);
    expect(process.ledger.size).toBe(1);
  });

  it("include what was set aside, since nobody reads it any more", async () => {
    const { process, restart, purgedUpTo, entry, redis } = await openWorld();
    restart();
    redis.states.get(BUCKET)!.seq = 0;
    purgedUpTo(formatVersion(epochOf(entry.version), 1));

    await process.recovery.recoverAll();

    expect(process.recovery.report.setAside).toBe(1);
    expect(process.losses()).toEqual([[KEY]]);
  });

  it("say how many writes were more than could be remembered", async () => {
    const { process, restart, before } = await openWorld();
    for (let number = 0; number < 10_000; number += 1)
      process.ledger.acknowledged(`key ${number}`, "0".repeat(24));
    restart(before);

    await process.recovery.recoverAll();

    expect(process.log.lines.find(({ level }) => level === "error")?.fields).toMatchObject({
      notRemembered: 1,
    });
  });
});
