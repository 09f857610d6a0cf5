import { describe, expect, it } from "@jest/globals";
import type { KeyContent, ModelKeysPort } from "../../../src/cache/model-keys-port.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { ModelChecker } from "../../../src/models/model-checker.ts";
import { ModelReconciler } from "../../../src/models/model-reconciler.ts";
import { ModelRegistry } from "../../../src/models/model-registry.ts";
import { SeenKeys } from "../../../src/models/seen-keys.ts";
import type { ModelDocumentsPort } from "../../../src/store/model-documents-port.ts";
import { FakeStore } from "../../support/fake-store.ts";
import { openFakeStore } from "../../support/fake-store-connection.ts";
import { HeldPages } from "../../support/held-pages.ts";
import { makeModel } from "../../support/models/make-model.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const NAME = "accounts.User";
const KEYS_PER_PAGE = 1_000;

describe("The memory of many models' keys", () => {
  it("does not grow with the documents and keys that a reconciliation only looks at", async () => {
    const pages = new HeldPages();
    const backends = backendsWith({ documents: 20_000, orphans: 20_000, pages });
    const reconciler = new ModelReconciler({ ...partsWith(backends), perSec: 0 });

    const done = await reconciler.reconcile(NAME, { checkOnly: true });

    expect(done).toMatchObject({
      checked: 40_000,
      created: 20_000,
      removed: 20_000,
      complete: true,
      notLookedAt: null,
    });
    expect(pages.pages).toBeGreaterThan(64);
    expect(pages.heldMax).toBeLessThanOrEqual(3);
  });

  it("does not grow with the documents and keys of a check", async () => {
    const pages = new HeldPages();
    const backends = backendsWith({ documents: 20_000, orphans: 20_000, pages });
    const checker = new ModelChecker(partsWith(backends));

    const found = await checker.check(NAME, { all: true });

    expect(found).toMatchObject({ missing: 20_000, orphaned: 20_000, orphanedAtMost: false });
    expect(found.drift).toHaveLength(100);
    expect(pages.pages).toBeGreaterThan(64);
    // Suspects are held back until there are 500 of them.
    expect(pages.heldMax).toBeLessThanOrEqual(5);
  });

  it("has room for as many orphans as can be told apart, and a check says where there are more", async () => {
    // Each key comes twice, as it may in a scan.
    const few = backendsWith({ documents: 0, orphans: 2_000, times: 2 });
    const many = backendsWith({ documents: 0, orphans: 101_000, times: 2 });

    const exact = await new ModelChecker(partsWith(few)).check(NAME, { all: true });
    const bounded = await new ModelChecker(partsWith(many)).check(NAME, { all: true });

    expect(exact).toMatchObject({ orphaned: 2_000, orphanedAtMost: false });
    expect(bounded).toMatchObject({ orphaned: 102_000, orphanedAtMost: true });
  });

  it("tells what came before among the keys that it remembers", () => {
    const seen = new SeenKeys(2);

    const told = ["a", "b", "a", "c", "c", "b"].map((key) => seen.isNew(key));

    expect(told).toEqual([true, true, false, true, true, false]);
    expect(seen.hasForgotten).toBe(true);
  });
});

interface Planned {
  /** Numbered from 1, without entries. */
  readonly documents: number;
  /** Keys without documents, numbered behind those. */
  readonly orphans: number;
  /** How often the scan names each key. */
  readonly times?: number;
  readonly pages?: HeldPages;
}

function backendsWith({ documents, orphans, times = 1, pages }: Planned) {
  const taken = async <T extends object>(page: T) => (await pages?.take(page)) ?? page;
  const never = () => Promise.reject(new Error("Nothing is to be written here."));
  const store: ModelDocumentsPort = {
    count: async () => documents,
    page: (_, { after = "0", limit }) => {
      const first = Number(after) + 1;
      const count = Math.min(limit, documents - first + 1);
      return taken(Array.from({ length: count }, (__, at) => ({ _id: first + at, __v: 1 })));
    },
    find: async () => [],
    sample: never,
    change: never,
  };
  const orphan: KeyContent = { type: "string", bytes: Buffer.from('{"__v":1}') };
  const keys: ModelKeysPort = {
    count: async () => orphans,
    readMany: async (names) =>
      names.map((name) =>
        Number(name.slice("user:".length)) > documents ? orphan : { type: "none" },
      ),
    scan: async ({ cursor = "0" }) => {
      const from = Number(cursor);
      const count = Math.min(KEYS_PER_PAGE, orphans * times - from);
      const page = Array.from(
        { length: count },
        (_, at) => `user:${documents + 1 + ((from + at) % orphans)}`,
      );
      const next = from + count;
      return { keys: await taken(page), cursor: next < orphans * times ? String(next) : undefined };
    },
    lockMany: never,
    unlockMany: never,
    changeMany: never,
    close: async () => undefined,
  };
  return { documents: store, keys, rows: { existing: async () => new Set<string>() } };
}

function partsWith(backends: ReturnType<typeof backendsWith>) {
  return {
    registry: new ModelRegistry([makeModel({})]),
    backends,
    records: openFakeStore(new FakeStore({ clock: noWaiting, storeId: "fake" }), noWaiting).records,
    clock: noWaiting,
    random: new SeededRandom(1),
    log: silentLog,
  };
}

const noWaiting: Clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: async () => undefined };
