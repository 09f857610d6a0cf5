import { beforeAll, describe, expect, it } from "@jest/globals";
import { type CopyClass, isIssue } from "../../../src/verify/classify.ts";
import { type CacheFirstWorld, openCacheFirstWorld } from "../../support/cache-first-world.ts";
import { mergesOf, placingsOf } from "../../support/interleavings.ts";
import { confirmed, lookerWith, Meanwhile, steerReads } from "../../support/looking.ts";
import { ScriptedWriter, type Step } from "../../support/scripted-writer.ts";

type Script = (writer: ScriptedWriter) => Step[];

/** How a key stands before anyone looks, all of it reached by ordinary traffic. */
const BEGINNINGS: Readonly<Record<string, Script>> = {
  "never written": () => [],
  "in step": (w) => w.direct("first"),
  deleted: (w) => [...w.direct("first"), ...w.direct(null)],
  "waiting in the journal": (w) => w.direct("first").slice(0, 1),
  "waiting in the outbox": (w) => w.byEvent("first").slice(0, 2),
  "without its value": (w) => [...w.direct("first"), ...w.evict("value")],
  "without its meta": (w) => [...w.direct("first"), ...w.evict("meta")],
  "not cached": (w) => [...w.direct("first"), ...w.evict("value"), ...w.evict("meta")],
};

const TRAFFIC: Readonly<Record<string, Script>> = {
  "a direct write": (w) => w.direct("second"),
  "a direct delete": (w) => w.direct(null),
  "a write through the outbox": (w) => w.byEvent("second"),
  "a delete through the outbox": (w) => w.byEvent(null),
  "a write that is evicted at once": (w) => [
    ...w.direct("second"),
    ...w.evict("value"),
    ...w.evict("meta"),
  ],
  "a write of the same value": (w) => w.direct("first"),
};

/** The reads of a closer look: cache, events, shadow, and the two again. */
const CLOSE_READS = 5;

/** A page of many keys begins with a first look of its own, one read more where its row was asked for in vain. */
const PAGE_READS = 4 + CLOSE_READS;

let keys = 0;
const newKey = () => `key:${(keys += 1)}`;

interface Run {
  readonly beginning: Script;
  readonly steps: (writer: ScriptedWriter) => readonly Step[];
  readonly places: readonly number[];
}

async function inspectDuring(
  world: CacheFirstWorld,
  { beginning, steps, places }: Run,
  classOf: (key: string) => Promise<CopyClass>,
): Promise<CopyClass> {
  const key = newKey();
  const writer = new ScriptedWriter(world, key);
  await writer.run(beginning(writer));
  const meanwhile = new Meanwhile(steps(writer), places);
  steerReads(world, meanwhile.beforeRead);
  const copyClass = await classOf(key);
  steerReads(world, undefined);
  await meanwhile.finish();
  return copyClass;
}

type LookAt = (world: CacheFirstWorld, key: string) => Promise<CopyClass>;

const oneKey: LookAt = async ({ looker }, key) => (await looker.inspect(key)).verdict.copyClass;

/** How a pass and a sample come to a key: by its row, if there is one, or by its name. */
const PAGES: Readonly<Record<string, LookAt>> = {
  "of rows": async ({ looker, ports }, key) => {
    const rows = (await ports.store.scanContents({ prefix: key, limit: 1000 })).filter(
      (row) => row.key === key,
    );
    const sweep = rows.length > 0 ? looker.sweepRows(rows) : looker.sweepKeys([key], "contents");
    return (await confirmed(looker, sweep)).get(key)!;
  },
  "of digests of rows": async ({ looker, ports }, key) => {
    const rows = (await ports.store.scanDigests({ prefix: key, limit: 1000 })).filter(
      (row) => row.key === key,
    );
    const sweep = rows.length > 0 ? looker.sweepDigests(rows) : looker.sweepKeys([key], "digests");
    return (await confirmed(looker, sweep)).get(key)!;
  },
  "of keys": async ({ looker }, key) =>
    (await confirmed(looker, looker.sweepKeys([key], "contents"))).get(key)!,
  "of keys, by digests": async ({ looker }, key) =>
    (await confirmed(looker, looker.sweepKeys([key], "digests"))).get(key)!,
};

/** Each schedule in which the looker called an issue what was only traffic. */
async function falseAlarms(
  world: CacheFirstWorld,
  beginning: Script,
  orders: Iterable<(writer: ScriptedWriter) => readonly Step[]>,
  look: LookAt = oneKey,
): Promise<readonly string[]> {
  const reads = look === oneKey ? CLOSE_READS : PAGE_READS;
  const alarms: string[] = [];
  for (const steps of orders) {
    const { length } = steps(new ScriptedWriter(world, "counted only"));
    for (const places of placingsOf(length, reads)) {
      const copyClass = await inspectDuring(world, { beginning, steps, places }, (key) =>
        look(world, key),
      );
      if (isIssue(copyClass)) alarms.push(`${copyClass} at ${places.join(" ")}`);
    }
  }
  return alarms;
}

describe("Looker, pinned", () => {
  let world: CacheFirstWorld;
  beforeAll(async () => {
    world = await openCacheFirstWorld({ maxmemoryPolicy: "volatile-lru" });
  });

  describe.each(Object.entries(BEGINNINGS))("a key that is %s", (_name, beginning) => {
    it.each(Object.entries(TRAFFIC))(
      "is no issue while %s falls between any of the reads",
      async (_traffic, script) => {
        expect(await falseAlarms(world, beginning, [script])).toEqual([]);
      },
    );

    it.each(Object.entries(PAGES))(
      "is no issue while a write falls between the reads of a page %s",
      async (_page, look) => {
        const scripts = [TRAFFIC["a direct write"]!, TRAFFIC["a direct delete"]!];

        expect(await falseAlarms(world, beginning, scripts, look)).toEqual([]);
      },
    );
  });

  it("raises no alarm while a fill and a write cross each other and its reads", async () => {
    const orders = [...mergesOf(["fill", "fill", "fill"], ["write", "write", "write"])].map(
      (order) => (writer: ScriptedWriter) => {
        const left = { fill: writer.fill(), write: writer.direct("second") };
        return order.map((who) => left[who as "fill" | "write"].shift()!);
      },
    );

    expect(await falseAlarms(world, BEGINNINGS["not cached"]!, orders)).toEqual([]);
  });
});

describe("Looker, unpinned", () => {
  let world: CacheFirstWorld;
  beforeAll(async () => {
    world = await openCacheFirstWorld({ maxmemoryPolicy: "allkeys-lru" });
  });

  /** No call lasts as long as the pause before the third look, so what began before it has ended by then. */
  async function inspectTwice(first: Run, second: Omit<Run, "beginning">): Promise<CopyClass> {
    const key = newKey();
    const writer = new ScriptedWriter(world, key);
    await writer.run(first.beginning(writer));
    const before = new Meanwhile(first.steps(writer), first.places);
    const after = new Meanwhile(second.steps(writer), second.places);
    const looker = lookerWith(world, {
      pause: async () => {
        await before.finish();
        steerReads(world, after.beforeRead);
      },
    });
    steerReads(world, before.beforeRead);
    const { verdict } = await looker.inspect(key);
    steerReads(world, undefined);
    await before.finish();
    await after.finish();
    return verdict.copyClass;
  }

  const beginnings = Object.entries(BEGINNINGS).filter(([name]) => !name.includes("journal"));
  describe.each(beginnings)("a key that is %s", (_name, beginning) => {
    it.each(Object.entries(TRAFFIC))(
      "is no issue while %s falls between the reads, and another write between those of the last look",
      async (_traffic, steps) => {
        const alarms: string[] = [];
        const { length } = steps(new ScriptedWriter(world, "counted only"));
        for (const places of placingsOf(length, CLOSE_READS)) {
          for (const last of [
            [0, 1, 2],
            [0, 2, 4],
          ]) {
            const copyClass = await inspectTwice(
              { beginning, steps, places },
              { steps: (w) => w.direct("third"), places: last },
            );
            if (isIssue(copyClass))
              alarms.push(`${copyClass} at ${places.join(" ")}, ${last.join(" ")}`);
          }
        }

        expect(alarms).toEqual([]);
      },
    );
  });
});
