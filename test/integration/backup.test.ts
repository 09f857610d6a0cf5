import {
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Backup } from "../../src/backup/backup.ts";
import { readBackup } from "../../src/backup/backup-reader.ts";
import { examineBackup, Restore } from "../../src/backup/restore.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { ALL_BUCKETS, bucketOf } from "../../src/model/bucket.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import type { Version } from "../../src/model/version.ts";
import type { BucketStatesPort } from "../../src/store/bucket-states-port.ts";
import type { BucketPage, OutboxPort } from "../../src/store/outbox-port.ts";
import type { ScanPage, StorePort } from "../../src/store/store-port.ts";
import { setOf } from "../contract/commands.ts";
import { entryOf, tombstoneOf, versionNo } from "../contract/entries.ts";
import { allRows, fill, randomRows } from "../support/backup-rows.ts";
import { HeldPages } from "../support/held-pages.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { openMemorySqlite } from "../support/memory-sqlite.ts";
import { SeededRandom, seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { useMongoStore } from "../support/servers/use-mongo-store.ts";

interface OpenStore {
  readonly store: StorePort;
  readonly outbox: OutboxPort;
  readonly bucketStates: BucketStatesPort;
}

/** Each store gets another identity. */
const ids = new SeededRandom(1);
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-backup-"));
  path = join(folder, "shadow.backup");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const openStore = () => openMemorySqlite({ clock: systemClock, random: ids });

function backupOf(
  opened: OpenStore,
  {
    gzip = false,
    resume = false,
    signal,
    clock = systemClock,
  }: { clock?: Clock; gzip?: boolean; resume?: boolean; signal?: AbortSignal } = {},
) {
  const request = { path, gzip, resume, ...(signal === undefined ? {} : { signal }) };
  return new Backup({ ...opened, clock }).run(request);
}

function restoreInto(
  opened: OpenStore,
  {
    evenPurged = false,
    signal,
    told = new Map(),
    clock = systemClock,
  }: {
    clock?: Clock;
    evenPurged?: boolean;
    signal?: AbortSignal;
    told?: Map<string, Version>;
  } = {},
) {
  const acknowledge = async (versions: ReadonlyMap<string, Version>) => {
    for (const [key, version] of versions) told.set(key, version);
  };
  const recover = async () => undefined;
  const restore = new Restore({ ...opened, acknowledge, recover, clock });
  return restore.run({ path, evenPurged, ...(signal === undefined ? {} : { signal }) });
}

/** Aborts when it has been asked so many times, so that the work stops in the middle. */
function stopAfter(times: number): AbortSignal {
  let asked = 0;
  const { signal } = new AbortController();
  Object.defineProperty(signal, "aborted", { get: () => (asked += 1) > times });
  return signal;
}

describe("A backup", () => {
  it.each([false, true])("brings every row back into an empty store (gzip: %s)", (gzip) =>
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 600));
      const target = await openStore();

      const { rows, unsound } = await backupOf(source, { gzip });
      const { fates } = await restoreInto(target);

      expect(await allRows(target.store)).toEqual(await allRows(source.store));
      expect({ rows, unsound, fates }).toEqual({
        rows: 600,
        unsound: 0,
        fates: { restored: 600, there: 0, newer: 0, purged: 0 },
      });
    })(),
  );

  it(
    "is the same when it is compressed, for gunzip too",
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 600));
      await backupOf(source);
      const plain = readFileSync(path, "utf8");
      rmSync(path);

      await backupOf(source, { gzip: true });

      const unpacked = gunzipSync(readFileSync(path)).toString();
      const rowsOf = (text: string) =>
        text.split("\n").filter((line) => line.startsWith('{"key":'));
      expect(rowsOf(unpacked)).toEqual(rowsOf(plain));
      expect(rowsOf(plain)).toHaveLength(600);
    }),
  );

  it("of an empty store is whole, and brings nothing", async () => {
    await backupOf(await openStore());

    expect(await examineBackup(path)).toMatchObject({ rows: 0, chunks: 0 });
    expect(await restoreInto(await openStore())).toMatchObject({ rows: 0, refused: 0 });
  });

  it("has what waits in the outbox, and a delete among that brings no row back", async () => {
    const source = await openStore();
    await source.store.applyNewer([entryOf({ key: "gone" })], "ASYNC_THREAD");
    await source.outbox.append([
      tombstoneOf({ key: "gone", version: versionNo(2) }),
      entryOf({ key: "new", version: versionNo(3), value: "queued" }),
    ]);
    const target = await openStore();
    await backupOf(source);

    await restoreInto(target);

    expect(await target.store.get("gone")).toMatchObject({ value: null, version: versionNo(2) });
    expect(await target.store.get("new")).toMatchObject({ value: "queued" });
  });

  it("keeps a row that another hand has spoilt as it is, and counts it", async () => {
    const source = await openStore();
    await source.store.applyNewer([entryOf({ key: "spoilt" })], "ASYNC_THREAD");
    source.database.query("UPDATE kvshadow SET value = x'00'").run();
    const target = await openStore();

    expect(await backupOf(source)).toMatchObject({ unsound: 1 });
    await restoreInto(target);

    expect(await allRows(target.store)).toEqual(await allRows(source.store));
  });

  it("holds few pages of rows and events at a time, however many there are", async () => {
    const { store, outbox, bucketStates } = await openStore();
    const entries = Array.from({ length: 14_000 }, (_, at) => entryOf({ key: `key:${at}` }));
    await store.applyNewer(entries.slice(0, 7_000), "ASYNC_THREAD");
    await outbox.append(entries.slice(7_000));
    const pages = new HeldPages();
    const watched = {
      store: {
        kind: "sqlite" as const,
        storeId: () => store.storeId(),
        countRows: () => store.countRows(),
        scan: async (page: ScanPage) => pages.take(await store.scan(page)),
      },
      outbox: {
        unprocessedIn: async (page: BucketPage) => pages.take(await outbox.unprocessedIn(page)),
      },
      bucketStates,
    };

    const { rows } = await new Backup({ ...watched, clock: systemClock }).run({
      path,
      gzip: false,
      resume: false,
    });

    expect(rows).toBe(14_000);
    expect(pages.pages).toBeGreaterThan(60);
    expect(pages.heldMax).toBeLessThanOrEqual(3);
  });

  it("writes over no file, and goes on with none that it was not told to", async () => {
    const source = await openStore();
    writeFileSync(path, "somebody's");
    await expect(backupOf(source)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    rmSync(path);
    writeFileSync(`${path}.part`, "begun");

    await expect(backupOf(source)).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(readFileSync(`${path}.part`, "utf8")).toBe("begun");
  });

  it(
    "of another store is not gone on with",
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 100));
      await expect(backupOf(source, { signal: stopAfter(1) })).rejects.toMatchObject({
        code: "ABORTED",
      });

      await expect(backupOf(await openStore(), { resume: true })).rejects.toMatchObject({
        code: "INPUT_INVALID",
      });
    }),
  );
});

describe("A backup that was stopped or killed", () => {
  it.each([false, true])("goes on where its file is whole (gzip: %s)", (gzip) =>
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 600));
      const rows = await allRows(source.store);
      for (const stopped of [1, 3]) {
        await expect(backupOf(source, { gzip, signal: stopAfter(stopped) })).rejects.toMatchObject({
          code: "ABORTED",
        });
        // What a kill leaves: any part of what was written last.
        const part = `${path}.part`;
        truncateSync(part, Math.floor(readFileSync(part).length * random.fraction()));

        const report = await backupOf(source, { gzip, resume: true });

        const target = await openStore();
        await restoreInto(target);
        expect(await allRows(target.store)).toEqual(rows);
        expect(report.rows).toBe(600);
        rmSync(path);
      }
    })(),
  );

  it("has each waiting event once, also where it was stopped among them", async () => {
    const source = await openStore();
    const keys = Array.from({ length: 40 }, (_, at) => `key:${at}`);
    await source.outbox.append(keys.map((key) => entryOf({ key })));
    await expect(backupOf(source, { signal: stopAfter(5) })).rejects.toMatchObject({
      code: "ABORTED",
    });
    const lines = () => readFileSync(path, "utf8").split("\n");
    expect(readFileSync(`${path}.part`, "utf8")).toContain('{"key":');

    const { rows, resumed } = await backupOf(source, { resume: true });

    const written = lines().flatMap((line) => /^{"key":"(key:\d+)"/.exec(line)?.[1] ?? []);
    expect({ rows, resumed }).toEqual({ rows: 40, resumed: true });
    expect(written.toSorted()).toEqual(keys.toSorted());
  });

  it("is only ended where nothing but its name is missing", async () => {
    const source = await openStore();
    await source.store.applyNewer([entryOf()], "ASYNC_THREAD");
    const whole = await backupOf(source);
    renameSync(path, `${path}.part`);

    const report = await backupOf(source, { resume: true });

    expect(report).toMatchObject({ rows: 1, bytes: whole.bytes, sha256: whole.sha256 });
    expect(await examineBackup(path)).toMatchObject({ rows: 1 });
  });

  it(
    "is begun anew by --resume where there is none",
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 10));

      expect(await backupOf(source, { resume: true })).toMatchObject({ rows: 10, resumed: false });
    }),
  );
});

describe("A damaged backup", () => {
  const kinds = [
    { kind: "plain", gzip: false },
    { kind: "compressed", gzip: true },
  ];

  async function smallBackup(random: SeededRandom, gzip: boolean): Promise<Buffer> {
    const source = await openStore();
    await fill(source.store, randomRows(random, 3));
    await backupOf(source, { gzip });
    return readFileSync(path);
  }

  /** The code with which reading these bytes ends; undefined where all is well. */
  async function faultOf(bytes: Buffer): Promise<string | undefined> {
    const source = {
      read: async (buffer: Buffer, offset: number, length: number, position: number) => ({
        bytesRead: bytes.copy(buffer, offset, position, position + length),
      }),
    };
    try {
      for await (const part of readBackup(source)) void part;
      return undefined;
    } catch (error) {
      return LockstepError.codeOf(error) ?? String(error);
    }
  }

  it.each(kinds)("is found by any one byte: $kind", ({ gzip }) =>
    seeded(async (random) => {
      const whole = await smallBackup(random, gzip);
      const missed: [number, string | undefined][] = [];

      for (let at = 0; at < whole.length; at += 1) {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 1 + random.integer(255);
        const fault = await faultOf(damaged);
        if (fault?.startsWith("BACKUP_") !== true) missed.push([at, fault]);
      }

      expect(missed).toEqual([]);
      expect(await faultOf(whole)).toBeUndefined();
    })(),
  );

  it.each(kinds)("is found wherever it is cut off: $kind", ({ gzip }) =>
    seeded(async (random) => {
      const whole = await smallBackup(random, gzip);
      const missed: [number, string | undefined][] = [];

      for (let length = 0; length < whole.length; length += 1) {
        const fault = await faultOf(whole.subarray(0, length));
        if (fault !== "BACKUP_DAMAGED") missed.push([length, fault]);
      }

      expect(missed).toEqual([]);
    })(),
  );

  it(
    "is found where something follows its last line, or a chunk is missing or there twice",
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 100));
      await backupOf(source);
      const lines = readFileSync(path, "utf8").split(/(?<=\n)/);
      const ends = lines.flatMap((line, at) => (line.startsWith('{"chunk":') ? [at] : []));
      const [first = 0, second = 0] = ends;
      const secondChunk = lines.slice(first + 1, second + 1);

      for (const text of [
        [...lines, "{}\n"],
        [...lines.slice(0, first + 1), ...lines.slice(second + 1)],
        [...lines.slice(0, second + 1), ...secondChunk, ...lines.slice(second + 1)],
      ]) {
        writeFileSync(path, text.join(""));
        await expect(examineBackup(path)).rejects.toMatchObject({ code: "BACKUP_DAMAGED" });
      }
    }),
  );

  it(
    "has none of it written, and is told by the number of its chunk",
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 300));
      await backupOf(source);
      const text = readFileSync(path, "utf8");
      const third = text.indexOf('{"chunk":3');
      writeFileSync(path, `${text.slice(0, third - 10)}X${text.slice(third - 9)}`);
      const target = await openStore();

      await expect(restoreInto(target)).rejects.toMatchObject({
        code: "BACKUP_DAMAGED",
        message: expect.stringContaining("in chunk 3"),
      });
      expect(await target.store.countRows()).toBe(0);
    }),
  );

  it("is told apart from one of a newer format, and from a file that is none", async () => {
    writeFileSync(path, '{"lockstep":"backup","format":2,"sha256":"00"}\n');
    await expect(examineBackup(path)).rejects.toMatchObject({ code: "BACKUP_TOO_NEW" });

    writeFileSync(path, "a,b,c\n1,2,3\n");
    await expect(examineBackup(path)).rejects.toMatchObject({ code: "BACKUP_DAMAGED" });
  });
});

describe("A restore", () => {
  it("leaves alone what is newer, and says how many rows met which fate", async () => {
    const source = await openStore();
    const entries = ["behind", "there", "ahead", "deleted", "missing"].map((key, at) =>
      entryOf({ key, version: versionNo(10 + at) }),
    );
    await source.store.applyNewer(entries, "ASYNC_THREAD");
    await backupOf(source);
    const target = await openStore();
    await target.store.applyNewer(
      [
        entryOf({ key: "behind", version: versionNo(1), value: "old" }),
        entries[1]!,
        entryOf({ key: "ahead", version: versionNo(99), value: "new" }),
        tombstoneOf({ key: "deleted", version: versionNo(99) }),
      ],
      "ASYNC_THREAD",
    );
    const told = new Map<string, Version>();

    const report = await restoreInto(target, { told });

    expect(report.fates).toEqual({ restored: 2, there: 1, newer: 2, purged: 0 });
    expect(await target.store.get("behind")).toMatchObject({ value: "a value" });
    expect(await target.store.get("ahead")).toMatchObject({ value: "new" });
    expect(await target.store.get("deleted")).toMatchObject({ value: null });
    // Also of what is there: a restore that was killed may not have come to it.
    expect([...told.keys()].toSorted()).toEqual(["behind", "missing", "there"]);
  });

  it(
    "that was stopped is made again, and then changes only what is left",
    seeded(async (random) => {
      const source = await openStore();
      await fill(source.store, randomRows(random, 400));
      await backupOf(source);
      const target = await openStore();
      // Once for each part of the file while all of it is read, and then three times more.
      const { chunks } = await examineBackup(path);
      const signal = stopAfter(chunks + 2 + 3);
      await expect(restoreInto(target, { signal })).rejects.toMatchObject({
        code: "ABORTED",
      });
      const before = await target.store.countRows();

      const { fates } = await restoreInto(target);

      expect(before).toBeGreaterThan(0);
      expect(fates).toEqual({ restored: 400 - before, there: before, newer: 0, purged: 0 });
      expect(await allRows(target.store)).toEqual(await allRows(source.store));
    }),
  );

  it("has everything that is minted afterwards above what it brought back", async () => {
    const source = await openStore();
    const row = entryOf({ key: "user:1", version: versionNo(9, 7) });
    await source.store.applyNewer([row], "ASYNC_THREAD");
    await backupOf(source);
    const target = await openStore();

    await restoreInto(target);

    const [state] = await target.bucketStates.read([bucketOf(row.key)]);
    expect(state?.epoch).toBe(8);
    const written = await target.authority.write(setOf({ key: "user:1" }), { to: "shadow" });
    expect(written).toMatchObject({ outcome: "written" });
    expect((await target.store.get("user:1"))?.version).toMatch(/^00000008/);
  });

  it("that has nothing to bring back leaves the epochs alone", async () => {
    const source = await openStore();
    await source.store.applyNewer([entryOf()], "ASYNC_THREAD");
    await backupOf(source);
    const before = await source.bucketStates.read(ALL_BUCKETS);

    await restoreInto(source);

    expect(await source.bucketStates.read(ALL_BUCKETS)).toEqual(before);
  });

  it("names the rows that the store refuses, and brings the others", async () => {
    const source = await openStore();
    await source.store.applyNewer(
      ["bad", "good"].map((key) => entryOf({ key })),
      "ASYNC_THREAD",
    );
    await backupOf(source);
    const target = await openStore();
    target.database
      .query(`CREATE TRIGGER refuse BEFORE INSERT ON kvshadow
      WHEN NEW.key = x'626164' BEGIN SELECT RAISE(ABORT, 'refused'); END`)
      .run();

    expect(await restoreInto(target)).toMatchObject({
      fates: { restored: 1 },
      refused: 1,
      refusedKeys: ["bad"],
    });
    expect(await target.store.get("good")).toBeDefined();
  });

  describe("of a key that the store does not have any more", () => {
    async function storeWith(...keys: readonly string[]) {
      const clock = new ManualClock();
      const opened = await openMemorySqlite({ clock, random: ids });
      for (const key of keys) await opened.authority.write(setOf({ key }), { to: "shadow" });
      const purgeAll = async () => {
        await clock.advance(48 * 3_600_000);
        const within = ALL_BUCKETS.map((bucket) => ({
          bucket,
          belowVersion: undefined,
          belowSeq: undefined,
        }));
        return opened.purge.purge({ within, limit: 100 });
      };
      return { ...opened, clock, purgeAll };
    }

    it("brings it back where nothing was purged since", async () => {
      const opened = await storeWith("lost");
      await backupOf(opened, { clock: opened.clock });
      opened.database.query("DELETE FROM kvshadow").run();

      expect((await restoreInto(opened, { clock: opened.clock })).fates.restored).toBe(1);
      expect(await opened.store.get("lost")).toMatchObject({ value: expect.any(String) });
    });

    it("does not bring it back where its delete may have been purged, unless told to", async () => {
      const opened = await storeWith("deleted");
      await backupOf(opened, { clock: opened.clock });
      await opened.authority.write(
        { ...setOf({ key: "deleted" }), op: "delete" },
        { to: "shadow" },
      );
      expect(await opened.purgeAll()).toMatchObject({ purged: 1 });

      const report = await restoreInto(opened, { clock: opened.clock });
      expect(report).toMatchObject({ fates: { purged: 1 }, purgedKeys: ["deleted"] });
      expect(await opened.store.get("deleted")).toBeUndefined();

      const forced = await restoreInto(opened, { clock: opened.clock, evenPurged: true });
      expect(forced.fates).toEqual({ restored: 1, there: 0, newer: 0, purged: 0 });
    });

    it("brings it back where the purge was before the backup", async () => {
      const opened = await storeWith("kept");
      // Of the same bucket, and later than what is kept.
      const sameBucket = Array.from({ length: 1_000 }, (_, at) => `key:${at}`).find(
        (key) => bucketOf(key) === bucketOf("kept"),
      )!;
      await opened.authority.write(
        { ...setOf({ key: sameBucket }), op: "delete" },
        { to: "shadow" },
      );
      await opened.purgeAll();
      await backupOf(opened, { clock: opened.clock });
      opened.database.query("DELETE FROM kvshadow").run();

      await restoreInto(opened, { clock: opened.clock });

      expect(await opened.store.get("kept")).toMatchObject({ value: expect.any(String) });
    });
  });
});

describeWith(["mongodb"], "A backup of one kind of store", () => {
  const bench = useMongoStore();

  it.each([
    ["SQLite", "MongoDB"],
    ["MongoDB", "SQLite"],
  ])("of %s brings every row back into %s", (from) =>
    seeded(async (random) => {
      const sqlite = await openStore();
      const mongo = bench.open();
      const [source, target]: readonly OpenStore[] =
        from === "SQLite" ? [sqlite, mongo] : [mongo, sqlite];
      await fill(source!.store, randomRows(random, 500));

      await backupOf(source!, { gzip: true });
      const { fates } = await restoreInto(target!);

      expect(fates.restored).toBe(500);
      expect(await allRows(target!.store)).toEqual(await allRows(source!.store));
    })(),
  );
});
