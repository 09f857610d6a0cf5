import { createReadStream, existsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createGunzip } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { Backup, type BackupReport } from "../../src/backup/backup.ts";
import { type BackupPart, readBackup } from "../../src/backup/backup-reader.ts";
import type { RestoreReport } from "../../src/backup/restore.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { Entry } from "../../src/model/entry.ts";
import { type OpenedMongo, openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { entryOf, tombstoneOf, versionNo } from "../contract/entries.ts";
import { allRows, fill, randomRows } from "../support/backup-rows.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { useLongCommand } from "../support/lockstep/use-long-command.ts";
import { seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { mongoCommand } from "../support/servers/mongo-command.ts";
import { nthPiece } from "../support/servers/nth-piece.ts";
import { waitUntil } from "../support/wait-until.ts";

const ROWS = 3_000;

const READ = mongoCommand("find", "kvshadow");
const WRITE = mongoCommand("update", "kvshadow");

describeWith(["redis", "mongodb"], "A process that is killed", () => {
  const backends = useBackends();
  const command = useLongCommand(backends);
  let file: string;
  const opened: OpenedMongo[] = [];
  beforeEach(() => {
    file = join(command.folder, "shadow.backup");
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ store }) => store.close()));
  });

  it.each([false, true])(
    "in the middle of a backup leaves what --resume goes on with (gzip: %s)",
    (gzip) =>
      seeded(async (random) => {
        const { store } = openStore();
        await fill(store, randomRows(random, ROWS));
        const before = await allRows(store);
        const options = ["backup", file, "--json", ...(gzip ? ["--gzip"] : [])];
        await killAt(
          options,
          nthPiece(6, (piece) => piece.includes(READ) && existsSync(`${file}.part`)),
        );
        const partBytes = statSync(`${file}.part`).size;
        const isThere = existsSync(file);
        // What comes after the first row of all, and what comes last, is written meanwhile.
        await store.applyNewer(
          ["\u0000 new", before[0]!.key, before.at(-1)!.key, "\u{10ffff} new"].map(laterOf),
          "ASYNC_THREAD",
        );

        const refused = await run(options);
        const { code, stdout } = await run([...options, "--resume"]);

        expect({ isThere, hasPart: partBytes > 0 }).toEqual({ isThere: false, hasPart: true });
        expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("--resume") });
        expect(code).toBe(0);
        const report = JSON.parse(stdout) as BackupReport;
        const { rows, last } = await read();
        expect(report).toMatchObject({ resumed: true, rows: rows.length, sha256: last?.sha256 });
        expect(report.bytes).toBe(statSync(file).size);
        const written = new Map(rows.map((row) => [row.key, row]));
        // Nothing twice, and nothing missing; of what was written meanwhile, what came after the place.
        expect(written.size).toBe(rows.length);
        const expected = new Map(before.map((row) => [row.key, row.version]));
        expected.set(before.at(-1)!.key, LATER);
        expected.set("\u{10ffff} new", LATER);
        expect(new Map(rows.map(({ key, version }) => [key, version]))).toEqual(expected);
        expect(await linesIn({ gzip })).toBe(rows.length + report.chunks + 2);
      })(),
    60_000,
  );

  it(
    "in the middle of a restore is ended by the next one, which leaves alone what is newer by then",
    seeded(async (random) => {
      const source = openStore("source");
      await fill(source.store, randomRows(random, ROWS));
      await new Backup({ ...source, clock: systemClock }).run({
        path: file,
        gzip: true,
        resume: false,
      });
      const backedUp = await allRows(source.store);
      await killAt(
        ["restore", file, "--json"],
        nthPiece(7, (piece) => piece.includes(WRITE)),
        {
          lands: random.fraction() < 0.5,
        },
      );
      const target = openStore();
      const there = await allRows(target.store);
      const keys = there.map(({ key }) => key);
      const missing = backedUp.find(({ key }) => !keys.includes(key))!.key;
      const deleted = tombstoneOf({ key: there.at(-1)!.key, version: LATER });
      await target.store.applyNewer([laterOf(keys[0]!), deleted, laterOf(missing)], "ASYNC_THREAD");

      const { code, stdout } = await run(["restore", file, "--json"]);

      expect(there.length).toBeGreaterThan(0);
      expect(there.length).toBeLessThan(ROWS);
      expect(code).toBe(0);
      const report = JSON.parse(stdout) as RestoreReport;
      expect(report).toMatchObject({ rows: ROWS, refused: 0 });
      expect(report.fates).toEqual({
        restored: ROWS - there.length - 1,
        there: there.length - 2,
        newer: 3,
        purged: 0,
      });
      const restored = await allRows(target.store);
      const byHand = new Set([keys[0], deleted.key, missing]);
      const others = (rows: typeof restored) => rows.filter(({ key }) => !byHand.has(key));
      expect(others(restored)).toEqual(others(backedUp));
      const newer = restored.filter(({ key }) => byHand.has(key));
      expect(newer.map(({ version }) => version)).toEqual([LATER, LATER, LATER]);
    }),
    60_000,
  );

  /** Starts a command, holds it up at a piece on its way to MongoDB, and kills it there. */
  async function killAt(
    args: readonly string[],
    isIt: (piece: Buffer) => boolean,
    { lands = false }: { readonly lands?: boolean } = {},
  ): Promise<void> {
    const { proxied } = command;
    await command.startUntil(proxied.mongo.holdAt(isIt), args, proxied.variables());
    if (lands) await land();
    await command.kill();
  }

  /** Lets through what is held up: MongoDB carries it out, and nobody hears of it. */
  async function land(): Promise<void> {
    const before = await backends.rows.countDocuments();
    command.proxied.mongo.set({ hole: "to-client" });
    await waitUntil(async () => (await backends.rows.countDocuments()) > before);
    await backends.untilRowsRest();
  }

  function run(args: readonly string[]) {
    return command.run(args, backends.variables());
  }

  /** The test's own database, or another one beside it. */
  function openStore(other = ""): OpenedMongo {
    const store = openMongo({
      uri: backends.mongo.uriOf(`${backends.database.databaseName}${other}`),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    opened.push(store);
    return store;
  }

  async function read() {
    const handle = await open(file);
    try {
      const parts: BackupPart[] = [];
      for await (const part of readBackup(handle)) parts.push(part);
      const rows = parts.flatMap((part) => (part.kind === "chunk" ? part.rows : []));
      return { rows, last: parts.at(-1) };
    } finally {
      await handle.close();
    }
  }

  /** As gunzip reads it, if it is compressed. */
  async function linesIn({ gzip }: { readonly gzip: boolean }): Promise<number> {
    const stream = createReadStream(file);
    let lines = 0;
    for await (const bytes of gzip ? stream.pipe(createGunzip()) : stream)
      lines += (bytes as Buffer).reduce((sum, byte) => sum + (byte === 0x0a ? 1 : 0), 0);
    return lines;
  }
});

/** Above all that {@link randomRows} makes. */
const LATER = versionNo(2_000_000, 3);

function laterOf(key: string): Entry {
  return entryOf({ key, version: LATER, value: "written meanwhile" });
}
