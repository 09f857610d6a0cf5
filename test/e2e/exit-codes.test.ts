import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { spoilSqliteRow } from "../support/lockstep/spoil-row.ts";
import { LockstepProcess, openHome, runLockstep } from "../support/lockstep-process.ts";
import { freePort } from "../support/servers/free-port.ts";

type Home = Awaited<ReturnType<typeof openHome>>;
type Words = readonly string[];

let home: Home;
let drifted: Home;
let server: LockstepProcess;
let url: string;
beforeAll(async () => {
  [home, drifted] = await Promise.all([openHome(), openHome()]);
  await runLockstep(["kv_set", "key=a", "value=1", "ack=shadow"], home.env);
  await runLockstep(["kv_set", "key=a", "value=1", "ack=shadow"], drifted.env);
  await spoilSqliteRow(drifted.env["LOCKSTEP_SQLITE_FILE"] ?? "", "a");
  server = new LockstepProcess(["http"], {
    ...drifted.env,
    LOCKSTEP_HTTP_PORT: String(await freePort()),
  });
  url = await server.url();
}, 120_000);
afterAll(async () => {
  await server.stop();
  await Promise.all([home.remove(), drifted.remove()]);
});

const run = async (words: Words, env: Record<string, string>) =>
  (await runLockstep(words, env)).code;

/** What drift in the store lets each of these find; nothing of it can be repaired without a person. */
const FINDS_DRIFT: readonly Words[] = [
  ["verify_cache_sync"],
  ["verify_key_sync", "key=a"],
  ["plan_sync_repair"],
  ["force_sync_repair", "key=a", "dryRun=true"],
  ["force_sync_repair", "key=a"],
];

/** What cannot be, however the data stands. */
const CANNOT_BE: readonly Words[] = [
  ["force_sync_repair", "key=a", "strategy=foo"],
  ["get_cache_ttl_info", "cursor=of another listing"],
  ["verify_cache_sync", "cursor=of another listing"],
  ["apply_sync_repair", "planId=none"],
  ["kv_set", "key=lockstep:x", "value=1"],
  ["reconcile_model"],
  ["check_cache_consistency"],
];

describe("A script that calls Lockstep", () => {
  it.each(FINDS_DRIFT)("hears 0 from %s where all is well", async (...words) => {
    expect(await run(words, home.env)).toBe(0);
  });

  it.each(FINDS_DRIFT)(
    "hears 1 from %s where drift stays, here or from a server",
    async (...words) => {
      expect(await run(words, drifted.env)).toBe(1);
      expect(await run([...words, "--url", url], home.env)).toBe(1);
    },
  );

  it.each(CANNOT_BE)("hears 2 from %s, here or from a server", async (...words) => {
    expect(await run(words, home.env)).toBe(2);
    expect(await run([...words, "--url", url], home.env)).toBe(2);
  });

  it("hears 1 where the data stands against a call", async () => {
    expect(await run(["kv_set", "key=a", "value=2", "ifAbsent=true"], home.env)).toBe(1);
  });

  it("hears 0 from a check where all is well, and 1 where drift was found", async () => {
    expect(await run(["check"], home.env)).toBe(0);
    expect(await run(["check"], drifted.env)).toBe(1);
  });
});

describe("A script whose Redis is down", () => {
  const CALLS: readonly Words[] = [
    ["verify_cache_sync"],
    ["verify_key_sync", "key=a"],
    ["plan_sync_repair"],
    ["force_sync_repair", "key=a"],
    ["kv_set", "key=a", "value=1"],
    ["reconcile_cache"],
    ["check"],
  ];

  it.each(CALLS)("hears 2 from %s, and not what stands for drift", async (...words) => {
    const env = { ...home.env, REDIS_URL: `redis://127.0.0.1:${await freePort()}` };

    expect(await run(words, env)).toBe(2);
  });
});

describe("A script whose command fails for a reason that nobody foresaw", () => {
  it("hears 2, which Node would make 1", async () => {
    // Once the program has begun: it listens for signals.
    const fault = `process.on("newListener", (name) => {
      if (name === "SIGTERM") setImmediate(() => { throw new Error("unforeseen"); });
    });`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(fault)}`;

    expect(await run(["doctor"], { ...home.env, NODE_OPTIONS })).toBe(2);
  });
});
