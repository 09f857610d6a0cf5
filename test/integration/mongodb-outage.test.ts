import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "@jest/globals";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { SetCommand } from "../../src/model/write-command.ts";
import { type OpenedMongo, openMongo } from "../../src/store/drivers/mongodb/open-mongo.ts";
import { entryOf, versionNo } from "../contract/entries.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { freePort } from "../support/servers/free-port.ts";
import type { MongoServers } from "../support/servers/mongo-servers.ts";
import { type StartMongoOptions, startMongo } from "../support/servers/start-mongo.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Two seconds to look for a server, and what a busy machine adds. */
const FAILS_WITHIN_MS = 3_000;

describeWith(["mongodb"], "MongoDB that does not answer", () => {
  const closers: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  async function start(options: StartMongoOptions): Promise<MongoServers> {
    const servers = await startMongo(options);
    closers.push(() => servers.close());
    return servers;
  }

  function open(uri: string): OpenedMongo {
    const opened = openMongo({ uri, clock: systemClock, random: systemRandom, log: silentLog });
    closers.push(() => opened.store.close());
    return opened;
  }

  const set: SetCommand = {
    op: "set",
    key: "user:1",
    value: "new",
    hash: entryOf({ value: "new" }).hash,
    ttlMs: null,
    sessionId: null,
    interactionId: null,
  };

  it.each([0, 1] as const)(
    "fails calls soon, and serves them again after a restart (replica set: %i)",
    async (replicaSet) => {
      const servers = await start({ replicaSet });
      const { store, outbox, authority } = open(servers.uriOf("outage"));
      await store.applyNewer([entryOf()], "ASYNC_THREAD");

      await servers.stop();
      const calls = [
        () => store.ping(),
        () => store.get("user:1"),
        () => store.applyNewer([entryOf({ version: versionNo(2) })], "ASYNC_THREAD"),
        () => outbox.append([entryOf()]),
        () => outbox.countUnprocessed(),
        () => authority.write(set, { to: "shadow" }),
        () => authority.current("user:1"),
      ];
      // All at once, so that the pool's waiting list is part of the test.
      const failures = await Promise.all(calls.map((call) => failureOf(call)));

      expect(failures.map(({ code }) => code)).toEqual(calls.map(() => "STORE_UNAVAILABLE"));
      expect(Math.max(...failures.map(({ tookMs }) => tookMs))).toBeLessThan(FAILS_WITHIN_MS);
      await servers.start();
      expect(await store.get("user:1")).toMatchObject({ version: versionNo(1) });
      expect(await authority.write(set, { to: "shadow" })).toMatchObject({ outcome: "written" });
    },
  );

  it("connects once the server is there, if it was not at first", async () => {
    const servers = await start({ replicaSet: 0 });
    await servers.stop();
    const { store, outbox } = open(servers.uriOf("late"));

    const failures = await Promise.all([
      failureOf(() => store.ping()),
      failureOf(() => outbox.countUnprocessed()),
    ]);
    await servers.start();

    expect(failures.map(({ code }) => code)).toEqual(["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]);
    expect(Math.max(...failures.map(({ tookMs }) => tookMs))).toBeLessThan(FAILS_WITHIN_MS);
    expect(await outbox.countUnprocessed()).toBe(0);
  });

  it("names the server in the error, never the user or the password", async () => {
    const port = await freePort();
    const { store } = open(`mongodb://ann:s3cret@127.0.0.1:${port}/db`);

    const { error } = await failureOf(() => store.ping());

    expect(String(error)).toContain(`127.0.0.1:${port}`);
    expect(String(error)).not.toMatch(/ann|s3cret|mongodb:/);
    expect(error).toHaveProperty("cause");
  });

  it("keeps what was acknowledged when the primary of three is killed, and reads it", async () => {
    const servers = await start({ replicaSet: 3 });
    const { store, authority } = open(servers.uriOf("failover"));
    await store.applyNewer([entryOf()], "ASYNC_THREAD");

    await servers.kill("SIGKILL", "primary");

    const row = await waitUntil(() => store.get("user:1"), { what: "the new primary" });
    expect(row.version).toBe(versionNo(1));
    expect(await authority.write(set, { to: "shadow" })).toMatchObject({ existed: true });
    expect(await authority.current("user:1")).toMatchObject({ entry: { value: "new" } });
  });

  describe("behind a connection that breaks", () => {
    it.each([0, 1] as const)(
      "tells that the outcome of a write is not known (replica set: %i)",
      async (replicaSet) => {
        const servers = await start({ replicaSet });
        const proxy = await BreakableProxy.to(servers.uri);
        closers.push(() => proxy.close());
        const { store, authority } = open(
          `mongodb://127.0.0.1:${proxy.port}/cut?directConnection=true`,
        );
        await store.ping();

        proxy.cutAfter(["findAndModify", "kvshadow"]);
        const { code } = await failureOf(() => authority.write(set, { to: "shadow" }));

        expect(code).toBe("UNKNOWN_OUTCOME");
        expect(proxy.cuts).toBe(1);
        expect(await store.get("user:1")).toMatchObject({ value: "new" });
      },
    );

    it("tells that it is not known whether an event was appended", async () => {
      const servers = await start({ replicaSet: 0 });
      const proxy = await BreakableProxy.to(servers.uri);
      closers.push(() => proxy.close());
      const { store, outbox } = open(`mongodb://127.0.0.1:${proxy.port}/cut`);
      await store.ping();

      proxy.cutAfter(["insert", "outbox"]);
      const { code } = await failureOf(() => outbox.append([entryOf()]));

      expect(code).toBe("UNKNOWN_OUTCOME");
      expect(await outbox.countUnprocessed()).toBe(1);
    });

    it("repeats an upsert whose answer was lost, since that changes nothing", async () => {
      const servers = await start({ replicaSet: 0 });
      const proxy = await BreakableProxy.to(servers.uri);
      closers.push(() => proxy.close());
      const { store } = open(`mongodb://127.0.0.1:${proxy.port}/cut`);
      await store.ping();

      proxy.cutAfter(["update", "kvshadow"]);
      const versions = await store.applyNewer([entryOf()], "ASYNC_THREAD");

      expect(proxy.cuts).toBe(1);
      expect(versions.get("user:1")).toBe(versionNo(1));
    });

    it("can be closed while an answer is awaited", async () => {
      const servers = await start({ replicaSet: 0 });
      const proxy = await BreakableProxy.to(servers.uri);
      closers.push(() => proxy.close());
      const { store } = open(`mongodb://127.0.0.1:${proxy.port}/hang`);
      await store.ping();
      proxy.hang();
      const waiting = failureOf(() => store.get("user:1"));
      await turn();

      const startedMs = performance.now();
      await store.close();

      expect(performance.now() - startedMs).toBeLessThan(5_000);
      expect((await waiting).code).toBe("STORE_UNAVAILABLE");
    });

    it("tells that a write did not happen when only its mint was cut off", async () => {
      const servers = await start({ replicaSet: 0 });
      const proxy = await BreakableProxy.to(servers.uri);
      closers.push(() => proxy.close());
      const { store, authority } = open(`mongodb://127.0.0.1:${proxy.port}/cut`);
      await store.ping();

      proxy.cutAfter(["findAndModify", "lockstep_state"]);
      const { code } = await failureOf(() => authority.write(set, { to: "shadow" }));

      expect(code).toBe("STORE_UNAVAILABLE");
      expect(await store.get("user:1")).toBeUndefined();
    });
  });
});

async function failureOf(
  call: () => Promise<unknown>,
): Promise<{ readonly code: unknown; readonly error: unknown; readonly tookMs: number }> {
  const startedMs = performance.now();
  try {
    await call();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : error;
    return { code, error, tookMs: performance.now() - startedMs };
  }
  throw new Error("The call was expected to fail.");
}

/** Passes everything on, until it is told to lose an answer or to pass nothing on at all. */
class BreakableProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #words: readonly string[] | undefined;
  #hangs = false;
  cuts = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to(uri: string): Promise<BreakableProxy> {
    const targetPort = Number(/:(\d+)\//.exec(uri)?.[1]);
    const proxy = new BreakableProxy(createServer());
    proxy.#server.on("connection", (near) => proxy.#join(near, connect(targetPort, "127.0.0.1")));
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("Not listening.");
    return address.port;
  }

  /** Loses the answer to the next command with these words in it, which the server carries out, and the connection. */
  cutAfter(words: readonly string[]): void {
    this.#words = words;
  }

  hang(): void {
    this.#hangs = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(near: Socket, far: Socket): void {
    let isDoomed = false;
    const end = () => {
      near.destroy();
      far.destroy();
    };
    near.on("data", (bytes) => {
      if (this.#hangs) return;
      if (this.#words?.every((word) => bytes.includes(word)) === true) {
        this.#words = undefined;
        isDoomed = true;
      }
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      if (isDoomed) {
        this.cuts += 1;
        end();
      } else near.write(bytes);
    });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on("error", end).on("close", end);
    }
  }
}
