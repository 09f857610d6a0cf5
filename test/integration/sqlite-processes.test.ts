import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { type OpenedSqlite, openSqlite } from "../../src/store/drivers/sqlite/open-sqlite.ts";
import { waitUntil } from "../support/wait-until.ts";

const writer = fileURLToPath(new URL("./sqlite-writer.mjs", import.meta.url));

describe("Several processes on one SQLite file", () => {
  let folder: string;
  let file: string;
  const running = new Set<ChildProcessByStdio<null, Readable, Readable>>();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lockstep-processes-"));
    file = join(folder, "state", "lockstep.db");
  });

  afterEach(() => {
    for (const child of running) child.kill("SIGKILL");
    running.clear();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(prefix: string, writes: number, to = "shadow") {
    const child = spawn(process.execPath, [writer, file, prefix, String(writes), to], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    child.once("exit", () => running.delete(child));
    return child;
  }

  /** Lines of a writer that ran to its end; its stderr where it did not. */
  async function linesOf(child: ReturnType<typeof start>): Promise<string[]> {
    const closed = once(child, "close");
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    await closed;
    if (child.exitCode !== 0) throw new Error(`The writer failed: ${stderr}`);
    return stdout.trim().split("\n");
  }

  async function withStore<T>(look: (opened: OpenedSqlite) => Promise<T>): Promise<T> {
    const opened = await openSqlite({ file, clock: systemClock, random: systemRandom });
    try {
      return await look(opened);
    } finally {
      await opened.store.close();
    }
  }

  it("make the file together: one of them gives the identity, and all work", async () => {
    const children = ["a", "b", "c", "d", "e", "f"].map((prefix) => start(prefix, 5));

    const lines = await Promise.all(children.map(linesOf));

    expect(new Set(lines.map(([storeId]) => storeId)).size).toBe(1);
    expect(await withStore(({ store }) => store.countRows())).toBe(30);
  });

  it("write at once, each write under a version of its own, and none is lost", async () => {
    const children = [start("a", 400), start("b", 400), start("c", 400, "outbox")];

    const lines = await Promise.all(children.map(linesOf));

    const versions = lines.flatMap(([, ...writes]) => writes.map((line) => line.split(" ")[0]));
    expect(new Set(versions).size).toBe(1200);
    await withStore(async ({ store, outbox }) => {
      expect(await store.countRows()).toBe(800);
      expect(await outbox.countUnprocessed()).toBe(400);
    });
  });

  it.each(["shadow", "outbox"])(
    "lose no acknowledged write to the %s when one is killed in the middle",
    async (to) => {
      const child = start("killed", 1_000_000, to);
      let stdout = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        stdout += chunk;
      });
      await waitUntil(() => stdout.split("\n").length > 200, { what: "200 writes" });

      child.kill("SIGKILL");
      await once(child, "close");

      // The last line may be cut short.
      const keys = stdout
        .split("\n")
        .slice(1, -1)
        .map((line) => line.split(" ")[1]!);
      await withStore(async ({ authority }) => {
        for (const key of keys) {
          expect((await authority.current(key))?.entry.value).toBe(key);
        }
      });
      expect(keys.length).toBeGreaterThan(190);
    },
  );
});
