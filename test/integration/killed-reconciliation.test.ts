import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "@jest/globals";
import type { Reconciliation } from "../../src/models/model-reconciler.ts";
import { useBackends } from "../support/lockstep/use-backends.ts";
import { useLongCommand } from "../support/lockstep/use-long-command.ts";
import { LiveWriter } from "../support/models/live-writer.ts";
import { useUserApp } from "../support/models/use-user-app.ts";
import { seeded } from "../support/seeded-random.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { mongoCommand } from "../support/servers/mongo-command.ts";
import { nthPiece } from "../support/servers/nth-piece.ts";
import { waitUntil } from "../support/wait-until.ts";

const USERS = 1_000;
const ORPHANS = 120;
const BATCH = 100;

/** Of each writer: often enough to be met, and not all that the machine does. */
const WRITE_EVERY_MS = 5;

const CHANGE = shaOf("change-string");
const UNLOCK = shaOf("unlock");

describeWith(["redis", "mongodb"], "a reconciliation whose process is killed", () => {
  const backends = useBackends();
  const app = useUserApp(backends);
  const command = useLongCommand(backends);

  it("is gone on with at once: what it left locked is waited for, and nothing is written twice", async () => {
    await plant();
    await beginUntil(command.proxied.redis.holdAt(nthPiece(9, (piece) => piece.includes(CHANGE))));
    await command.kill();
    const locked = await lockedUsers();
    const at = await batchesDone();
    const left = await whatIsLeft();
    const watch = await backends.watchWrites();

    const done = await reconcileAgain();
    const written = await watch.end();

    expect(locked.length).toBeGreaterThan(0);
    expect(at).toBeGreaterThan(0);
    expect(done).toMatchObject({
      code: 0,
      model: {
        checked: USERS - at * BATCH + ORPHANS,
        removed: ORPHANS,
        conflicts: 0,
        errors: 0,
        complete: true,
        resumed: true,
      },
    });
    const entries = written.flatMap((line) => /^redis set (user:\w+)$/i.exec(line)?.[1] ?? []);
    expect(entries.toSorted()).toEqual(left.entries);
    const documents = written.filter((line) => line === "mongodb update users");
    expect(documents).toHaveLength(left.documents);
    await expectAllConsistent(new Map());
    expect(await lockedUsers()).toEqual([]);
  }, 120_000);

  const moments = [
    {
      moment: "when entries are written, and their locks not given back",
      proxy: "redis",
      isIt: () => nthPiece(7, (piece) => piece.includes(UNLOCK)),
    },
    {
      moment: "while a document is brought up",
      proxy: "mongo",
      isIt: () => (piece: Buffer) =>
        piece.includes(UPDATE_OF_USERS) &&
        piece.includes(app.user(502)._id.toHexString(), undefined, "hex"),
    },
    {
      moment: "when a batch is done, and its place not kept",
      proxy: "mongo",
      isIt: () => nthPiece(6, (piece) => piece.includes("model_checkpoint")),
    },
    {
      moment: "while orphans are removed",
      proxy: "redis",
      isIt: () => (piece: Buffer) =>
        numbers(ORPHANS).some((number) => piece.includes(app.key(USERS + number))) &&
        piece.includes(CHANGE),
    },
  ] as const;

  it.each(moments)(
    "$moment, is ended by the next one, beside applications that write",
    (moment) =>
      seeded(async (random) => {
        await plant();
        const writers = [3, 4, 5, 553, 554, 555, 993, 994, 995].map(
          (number) => new LiveWriter(app, number, random),
        );
        const stop = new AbortController();
        const writing = writers.map(async (writer) => {
          while (!stop.signal.aborted) {
            await writer.write(1);
            await pause(WRITE_EVERY_MS);
          }
        });
        try {
          await beginUntil(command.proxied[moment.proxy].holdAt(moment.isIt()));
          // Half of the time what was on its way lands, and only the answer is lost.
          if (random.fraction() < 0.5) command.proxied[moment.proxy].set({ hole: "to-client" });
          await command.kill();
          await letLocksExpire();

          const done = await reconcileAgain();

          expect(done.model).toMatchObject({ errors: 0, complete: true, resumed: true });
          // Of a key that is written all the time, a reconciliation lets go.
          expect(done.model.conflicts).toBeLessThanOrEqual(writers.length);
        } finally {
          stop.abort();
          await Promise.all(writing);
        }
        await expectAllConsistent(
          new Map(writers.map(({ number, version }) => [number, { version, mayBeDropped: true }])),
        );
      })(),
    120_000,
  );

  it("has its last change looked at by the next one, where it was overtaken by an application", async () => {
    await plant();
    let sent = "";
    await beginUntil(
      command.proxied.redis.holdAt(
        nthPiece(5, (piece) => {
          sent = piece.toString("latin1");
          return sent.includes(CHANGE);
        }),
      ),
    );
    const overtaken = numbers(USERS).find(
      (number) => isMissing(number) && sent.includes(app.key(number)),
    )!;
    await app.writeDocument(overtaken, 5);
    await app.dropEntry(overtaken);
    command.proxied.redis.set({ hole: "to-client" });
    await waitUntil(async () => (await app.cached(overtaken)) === 1, {
      what: "the entry of the older document",
    });
    await command.kill();
    await letLocksExpire();

    const done = await reconcileAgain();

    expect(done).toMatchObject({ code: 0, model: { conflicts: 0, complete: true } });
    await expectAllConsistent(new Map([[overtaken, { version: 5, mayBeDropped: false }]]));
  }, 120_000);

  /** Users in every state that a reconciliation finds, and orphans. */
  async function plant(): Promise<void> {
    await app.store(...numbers(USERS).map((number) => app.user(number, isOlder(number) ? 2 : 1)));
    await app.cache(
      ...numbers(USERS)
        .filter((number) => !isMissing(number))
        .map((number) => app.user(number, needsDocument(number) ? 2 : 1)),
      ...numbers(ORPHANS).map((number) => app.user(USERS + number, 1)),
    );
  }

  function beginUntil(held: Promise<void>): Promise<void> {
    return command.startUntil(held, COMMAND, command.proxied.variables(settings()));
  }

  async function reconcileAgain() {
    const variables = backends.variables(settings());
    const { code, stdout, stderr } = await command.run(COMMAND, variables);
    if (stdout === "") throw new Error(`The second run failed: ${stderr}`);
    const { models } = JSON.parse(stdout) as { models: readonly [Reconciliation] };
    return { code, model: models[0] };
  }

  function settings() {
    return { ...app.variables(), LOCKSTEP_RECONCILE_PER_SEC: "0" };
  }

  function lockedUsers(): Promise<string[]> {
    return backends.client.keys("lock:*");
  }

  /** As if the time had passed for which a dead process still holds its locks. */
  async function letLocksExpire(): Promise<void> {
    for (const lock of await lockedUsers()) await backends.client.pexpire(lock, 500);
  }

  /** The entries and the number of documents that are not yet as they should be. */
  async function whatIsLeft() {
    const stored = await app.users.find().sort({ _id: 1 }).toArray();
    const cached = await cachedVersions();
    const all = stored.map((user, at) => ({ user, number: at + 1, cached: cached[at] ?? 0 }));
    const entries = all.filter((one) => one.cached < one.user.__v);
    return {
      entries: entries.map(({ number }) => app.key(number)),
      documents: all.filter((one) => one.cached > one.user.__v).length,
    };
  }

  async function cachedVersions(): Promise<readonly (number | undefined)[]> {
    const texts = await backends.client.mget(...numbers(USERS).map((number) => app.key(number)));
    return texts.map((text) =>
      text === null ? undefined : (JSON.parse(text) as { readonly __v: number }).__v,
    );
  }

  /** How many whole batches the killed process has kept as done. */
  async function batchesDone(): Promise<number> {
    const record = await backends.database.collection("lockstep_records").findOne({});
    const text = JSON.stringify(record);
    const id = /"at\W+([0-9a-f]{24})/.exec(text)?.[1];
    return id === undefined ? 0 : Number.parseInt(id, 16) / BATCH;
  }

  /** `written`: users of whom applications have written other versions. */
  async function expectAllConsistent(
    written: ReadonlyMap<number, { readonly version: number; readonly mayBeDropped: boolean }>,
  ): Promise<void> {
    const stored = await app.users.find().sort({ _id: 1 }).toArray();
    const entries = await cachedVersions();
    const wrong = stored.flatMap((user, at) => {
      const number = at + 1;
      const expected = written.get(number);
      const version = expected?.version ?? (isOlder(number) || needsDocument(number) ? 2 : 1);
      const cached = entries[at];
      const isRight =
        user.__v === version &&
        (cached === version || (expected?.mayBeDropped === true && cached === undefined));
      return isRight ? [] : [{ number, version, stored: user.__v, cached }];
    });
    expect(wrong).toEqual([]);
    expect(stored).toHaveLength(USERS);
    const orphans = numbers(ORPHANS).map((number) => app.key(USERS + number));
    expect(await backends.client.exists(...orphans)).toBe(0);
  }
});

const COMMAND = [
  "reconcile_cache",
  "--batch-size",
  String(BATCH),
  "--max-instances",
  "1000000",
  "--json",
];

const UPDATE_OF_USERS = mongoCommand("update", "users");

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

function isMissing(number: number): boolean {
  return number % 3 === 0;
}

function isOlder(number: number): boolean {
  return number % 7 === 1 && !isMissing(number);
}

/** A document is written in some milliseconds, so there are few of them. */
function needsDocument(number: number): boolean {
  return number % 50 === 2 && !isMissing(number) && !isOlder(number);
}

function shaOf(script: string): string {
  const file = new URL(
    `../../src/cache/drivers/redis/model-scripts/${script}.lua`,
    import.meta.url,
  );
  return createHash("sha1").update(readFileSync(file)).digest("hex");
}
