import { setTimeout as pause } from "node:timers/promises";
import { type DemoRecord, KEY_PREFIX } from "./media-types.ts";
import type { OutsideHand } from "./outside-hand.ts";
import type { ToolClient } from "./tool-client.ts";

/** As many as a few busy clients have under way. */
const WRITES_AT_ONCE = 10;

/** How long the last writes may take to reach the store. */
const SYNC_LIMIT_MS = 30_000;
const SYNC_LOOK_MS = 100;

const CHANGED_IN_CACHE = `${KEY_PREFIX}text/csv`;
const CHANGED_IN_STORE = `${KEY_PREFIX}image/png`;

export interface StoryParts {
  readonly client: ToolClient;
  readonly records: readonly DemoRecord[];
  readonly cacheHand: OutsideHand;
  readonly storeHand: OutsideHand;
  /** Takes one line for the reader. */
  readonly print: (line: string) => void;
  /** Takes a line that the next one replaces. */
  readonly progress: (line: string) => void;
}

/**
 * Writes real records, shows that both sides agree, changes one key on each side behind the server's back, shows how
 * that is found, named and repaired. Answers what did not go as expected; nothing if all did.
 */
export async function tellStory(parts: StoryParts): Promise<readonly string[]> {
  const { client, records, cacheHand, storeHand, print } = parts;
  const wrong: string[] = [];
  const expect = (holds: boolean, what: string) => {
    if (!holds) wrong.push(what);
  };

  await writeAll(parts);

  const synced = await untilSynced(client, records.length);
  print(`2 verify   ${describe(synced)}`);
  expect(isHealthy(synced, records.length), "Cache and store did not agree after the writes.");

  const changed = (key: string, where: string) => {
    const { value } = recordOf(records, key);
    return JSON.stringify({ ...(JSON.parse(value) as object), note: `changed in the ${where}` });
  };
  await cacheHand.overwrite(CHANGED_IN_CACHE, changed(CHANGED_IN_CACHE, "cache"));
  await storeHand.overwrite(CHANGED_IN_STORE, changed(CHANGED_IN_STORE, "store"));
  print(`3 tamper   behind the server's back, in the cache:  ${CHANGED_IN_CACHE}`);
  print(`           behind the server's back, in the store:  ${CHANGED_IN_STORE}`);

  const drifted = await verify(client);
  const found = new Map(drifted.cacheVsShadowSync.mismatches.map((one) => [one.key, one.class]));
  print(`4 verify   ${describe(drifted)}`);
  for (const key of found.keys()) {
    const { verdict, cause } = await client.call<KeyReport>("verify_key_sync", { key });
    print(`           ${key}: ${verdict}\n             ${cause}`);
  }
  expect(
    drifted.overallSyncHealth === "ISSUES_DETECTED" &&
      found.size === 2 &&
      found.get(CHANGED_IN_CACHE) === "changed_outside" &&
      found.get(CHANGED_IN_STORE) === "diverged",
    "Verification did not name exactly the two changed keys.",
  );

  for (const [step, key] of [
    ["5 repair ", CHANGED_IN_CACHE],
    ["         ", CHANGED_IN_STORE],
  ] as const) {
    const startedMs = performance.now();
    const { action, after } = await client.call<RepairReport>("force_sync_repair", { key });
    const tookMs = performance.now() - startedMs;
    const isOriginal = after.cacheValue === recordOf(records, key).value;
    const result = isOriginal ? "the stored change is gone" : "the cached change is now stored too";
    print(`${step}  ${key}: ${action} in ${tookMs.toFixed(1)} ms, ${result}`);
    const agrees = after.verdict === "ok" && after.cacheValue === after.shadowValue;
    expect(agrees, `The repair of ${key} did not bring both sides into agreement.`);
    expect(isOriginal === (key === CHANGED_IN_STORE), `${key} has another value than expected.`);
  }

  const repaired = await verify(client);
  print(`6 verify   ${describe(repaired)}`);
  expect(isHealthy(repaired, records.length), "Cache and store did not agree after the repairs.");
  return wrong;
}

async function writeAll({ client, records, print, progress }: StoryParts): Promise<void> {
  const startedMs = performance.now();
  const methods = { ASYNC_THREAD: 0, EVENT_BASED: 0 };
  let next = 0;
  const writer = async () => {
    for (let record = records[next++]; record !== undefined; record = records[next++]) {
      const { method } = await client.call<{ method: keyof typeof methods }>("kv_set", {
        ...record,
      });
      methods[method] += 1;
      if (next % 100 === 0) progress(`1 write    ${number(next)} of ${number(records.length)}`);
    }
  };
  await Promise.all(Array.from({ length: WRITES_AT_ONCE }, writer));
  const tookMs = performance.now() - startedMs;
  const rate = number((records.length * 1000) / tookMs);
  const ways = `${number(methods.ASYNC_THREAD)} straight to the store, ${number(methods.EVENT_BASED)} as events`;
  print(
    `1 write    ${number(records.length)} keys in ${seconds(tookMs)}, ${rate} a second; ${ways}`,
  );
}

/** Events are applied within a moment; until then their keys are pending, which is no issue. */
async function untilSynced(client: ToolClient, total: number): Promise<SyncReport> {
  const startedMs = performance.now();
  for (;;) {
    const report = await verify(client);
    const isLate = performance.now() - startedMs > SYNC_LIMIT_MS;
    if (report.cacheVsShadowSync.counts["ok"] === total || isLate) return report;
    await pause(SYNC_LOOK_MS);
  }
}

function verify(client: ToolClient): Promise<SyncReport> {
  return client.call("verify_cache_sync", { prefix: KEY_PREFIX });
}

function describe({ overallSyncHealth, cacheVsShadowSync, tookMs }: SyncReport): string {
  const { keysChecked, counts } = cacheVsShadowSync;
  const rate = number((keysChecked * 1000) / tookMs);
  return `${overallSyncHealth}: ${number(counts["ok"] ?? 0)} of ${number(keysChecked)} keys agree; compared in ${seconds(tookMs)}, ${rate} keys a second`;
}

function isHealthy({ overallSyncHealth, cacheVsShadowSync }: SyncReport, total: number): boolean {
  return overallSyncHealth === "HEALTHY" && cacheVsShadowSync.counts["ok"] === total;
}

function recordOf(records: readonly DemoRecord[], key: string): DemoRecord {
  const record = records.find((one) => one.key === key);
  if (record === undefined) throw new Error(`${key} is not in the data.`);
  return record;
}

function number(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

interface SyncReport {
  readonly overallSyncHealth: "HEALTHY" | "ISSUES_DETECTED";
  readonly cacheVsShadowSync: {
    readonly keysChecked: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly mismatches: readonly { readonly key: string; readonly class: string }[];
  };
  readonly tookMs: number;
}

interface KeyReport {
  readonly verdict: string;
  readonly cause: string;
}

interface RepairReport {
  readonly action: string;
  readonly after: {
    readonly verdict: string;
    readonly cacheValue: string | null;
    readonly shadowValue: string | null;
  };
}
