import { describe, expect, it } from "@jest/globals";
import type { CacheFacts } from "../../../src/cache/cache-facts-port.ts";
import { Doctor } from "../../../src/doctor/doctor.ts";
import { readClock } from "../../../src/lib/clock-reading.ts";
import { LockstepError } from "../../../src/model/lockstep-error.ts";
import type { StoreFacts } from "../../../src/store/store-facts-port.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const clock = { aheadMs: 0, uncertainMs: 0 };
const cacheFacts: CacheFacts = {
  product: "Redis",
  version: "7.0.15",
  role: "primary",
  isCluster: false,
  policy: {
    maxmemoryPolicy: "volatile-lru",
    maxmemoryBytes: 1,
    pinned: true,
    persistence: "aof-always",
    serverVersion: "7.0.15",
    showsIncarnation: true,
    evictedKeys: 0,
  },
  failsToPersist: false,
  storeIds: ["one"],
  refusedCommands: [],
  clock,
};
const storeFacts: StoreFacts = {
  kind: "mongodb",
  version: "7.0.5",
  storeId: "one",
  missingIndexes: [],
  database: "lockstep",
  topology: "replica set",
  refusedActions: [],
  clock,
};

const never = new Promise<never>(() => undefined);

function doctorOf(
  cache: () => Promise<CacheFacts>,
  store: () => Promise<StoreFacts>,
  manualClock = new ManualClock(),
): Doctor {
  const close = async () => undefined;
  return new Doctor({
    cache: { gather: cache, close },
    store: { gather: store, close },
    clock: manualClock,
    nodeVersion: "v22.0.0",
    configWarnings: [],
    alertWays: { webhook: false, isInTheClear: false, slack: false, mailAddresses: 0 },
  });
}

describe("A doctor", () => {
  it("finds nothing where all is well", async () => {
    const doctor = doctorOf(
      async () => cacheFacts,
      async () => storeFacts,
    );

    const { state, findings, hasData } = await doctor.examine();

    expect(findings.filter((one) => one.state !== "ok")).toEqual([]);
    expect({ state, hasData }).toEqual({ state: "ok", hasData: true });
  });

  it("tells of a backend that is down, and of the other one all the same", async () => {
    const doctor = doctorOf(
      async () => cacheFacts,
      async () => {
        throw new LockstepError("STORE_UNAVAILABLE", "Nobody listens.");
      },
    );

    const { state, findings, hasData } = await doctor.examine();

    expect(findings).toContainEqual({
      check: "store connection",
      state: "problem",
      says: "STORE_UNAVAILABLE: Nobody listens.",
      hint: expect.any(String),
    });
    expect(findings).toContainEqual(
      expect.objectContaining({ check: "redis version", state: "ok" }),
    );
    expect(findings).toContainEqual(
      expect.objectContaining({ check: "store binding", state: "warning" }),
    );
    expect({ state, hasData }).toEqual({ state: "problem", hasData: false });
  });

  it("does not wait for ever for one that hangs", async () => {
    const manualClock = new ManualClock();
    const doctor = doctorOf(
      () => never,
      async () => storeFacts,
      manualClock,
    );

    const examined = doctor.examine();
    await manualClock.advance(20_000);

    expect((await examined).findings).toContainEqual(
      expect.objectContaining({ check: "redis connection", state: "problem" }),
    );
  });

  it("does not hide a fault of its own", async () => {
    const doctor = doctorOf(
      async () => cacheFacts,
      async () => {
        throw new TypeError("A bug.");
      },
    );

    await expect(doctor.examine()).rejects.toThrow("A bug.");
  });

  it.each([
    ["the store is new", { ...storeFacts, storeId: undefined }, cacheFacts],
    ["Redis is new", storeFacts, { ...cacheFacts, storeIds: [] }],
  ])("knows that there is nothing to compare where %s", async (_, store, cache) => {
    const doctor = doctorOf(
      async () => cache,
      async () => store,
    );

    expect(await doctor.examine()).toMatchObject({ hasData: false });
  });
});

describe("Another clock", () => {
  it("is read half-way between question and answer", async () => {
    const manualClock = new ManualClock();
    const theirsMs = manualClock.nowMs() + 5_000;

    const reading = readClock(manualClock, async () => {
      await manualClock.sleep(100);
      return theirsMs;
    });
    await manualClock.advance(100);

    expect(await reading).toEqual({ aheadMs: 4_950, uncertainMs: 50 });
  });
});
