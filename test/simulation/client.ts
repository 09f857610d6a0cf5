import type { Version } from "../../src/model/version.ts";
import { ToolFailure } from "../support/lockstep/caller.ts";
import type { SeededRandom } from "../support/seeded-random.ts";
import type { BegunWrite, Ledger } from "./ledger.ts";
import type { SimulatedLockstep } from "./simulated-lockstep.ts";
import type { StepLog } from "./step-log.ts";
import type { Timeline } from "./timeline.ts";
import { type Alarm, EXPIRING } from "./watch.ts";

/** A place where a process runs: another one comes after one that has crashed. */
export interface Site {
  readonly name: string;
  process: SimulatedLockstep | undefined;
}

export interface ClientParts {
  readonly name: string;
  readonly sites: readonly Site[];
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  /** Hears of every issue that a verification names. */
  readonly watch: Alarm;
  readonly log: StepLog;
  readonly keys: readonly string[];
  /** Whether every write is held until it is safe; elsewhere a condition may be judged without one, and proves nothing. */
  readonly provesConditions: boolean;
  /** Whether Redis may be rolled back, and with it what only its journal had. */
  readonly losesJournal: boolean;
  readonly onViolation: (what: string) => void;
}

interface Seen {
  readonly value: string | null;
  readonly version: Version;
}

/** Nothing was written, as the code promises. */
const NOTHING_WRITTEN = new Set(["CACHE_UNAVAILABLE", "KEY_IN_MOTION", "RECOVERING", "OVERLOADED"]);

/** It may have been written, or may yet be. */
const UNKNOWN = new Set(["UNKNOWN_OUTCOME", "TIMED_OUT"]);

/** A backend is away, or somebody else was faster. */
const PASSING = new Set([
  ...NOTHING_WRITTEN,
  ...UNKNOWN,
  "STORE_UNAVAILABLE",
  "VERSION_NOT_REACHED",
]);

/** How often a client repeats a call with the same idempotency key before it gives up. */
const TRIES_MAX = 5;

/** One caller, who does one thing after the other through whichever process answers, and keeps the books of it. */
export class Client {
  readonly #parts: ClientParts;
  /** What this client has last seen of each key. */
  readonly #seen = new Map<string, Seen>();
  #made = 0;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  async run(operations: number, isEnding: () => boolean): Promise<void> {
    const { timeline, random } = this.#parts;
    for (let done = 0; done < operations && !isEnding(); done += 1) {
      await timeline.wait(random.fraction() < 0.3 ? 0 : random.fraction() * 1_500);
      await this.#act();
    }
  }

  /** Reads every key through one process, so that the history ends with what everyone sees. */
  async readAll(site: Site, keys: Iterable<string>): Promise<void> {
    for (const key of keys) await this.#get(site, key);
  }

  #act(): Promise<void> {
    const { random, keys, sites } = this.#parts;
    const site = random.pick(sites);
    const key = random.pick(keys);
    const dice = random.integer(100);
    if (dice < 30) return this.#get(site, key);
    if (dice < 58) return this.#set(site, key);
    if (dice < 68) return this.#delete(site, key);
    if (dice < 78) return this.#setOver(site, key);
    if (dice < 84) return this.#setIfAbsent(site, key);
    if (dice < 89) return this.#setOnce(site);
    if (dice < 92) return this.#verifyKey(site, key);
    if (dice < 94) return this.verifyAll(site);
    if (dice < 97) return this.#repair(site, key);
    return this.#configure(site);
  }

  async #get(site: Site, key: string): Promise<void> {
    const { random, ledger } = this.#parts;
    const known = this.#seen.get(key);
    const isBounded = known !== undefined && random.fraction() < 0.2;
    const minVersion = isBounded ? { minVersion: known.version } : {};
    const beganAt = ledger.moment();
    const answer = await this.#call(site, "kv_get", { key, ...minVersion });
    if (answer === "failed" || answer === "gone") return;
    const { value, version, warning } = answer;
    this.#note(
      `reads ${key}: ${value ?? "nothing"}${warning === undefined ? "" : " (maybe behind)"}`,
    );
    if (isBounded && version !== null && version < known.version)
      this.#parts.onViolation(`${key}: asked for ${known.version} or later, got ${version}.`);
    // With a warning it may be behind, and says so.
    if (warning !== undefined || isExpiring(key)) return;
    ledger.read(key, value, beganAt);
    if (version !== null) this.#seen.set(key, { value, version });
  }

  async #set(site: Site, key: string): Promise<void> {
    const { random } = this.#parts;
    const value = this.#nextValue();
    const ttl = isExpiring(key) ? { ttlSec: random.integer(20) + 1 } : {};
    const write = this.#parts.ledger.begin({ key, value });
    await this.#write(write, site, "kv_set", { key, value, ...this.#ack(), ...ttl });
  }

  async #delete(site: Site, key: string): Promise<void> {
    const write = this.#parts.ledger.begin({ key, value: null });
    await this.#write(write, site, "kv_delete", { key, ...this.#ack() });
  }

  /** Only over what this client has last seen. */
  async #setOver(site: Site, key: string): Promise<void> {
    const known = this.#seen.get(key);
    if (known === undefined || known.value === null || isExpiring(key)) return this.#set(site, key);
    const value = this.#nextValue();
    const write = this.#parts.ledger.begin({ key, value, ...this.#requires(known.value) });
    await this.#write(write, site, "kv_set", { key, value, ifVersion: known.version });
  }

  async #setIfAbsent(site: Site, key: string): Promise<void> {
    if (isExpiring(key)) return this.#set(site, key);
    const value = this.#nextValue();
    const write = this.#parts.ledger.begin({ key, value, ...this.#requires(null) });
    await this.#write(write, site, "kv_set", { key, value, ifAbsent: true });
  }

  /** Repeats a write of its own key until it is told how it ended; it must have been made once. */
  async #setOnce(site: Site): Promise<void> {
    const { ledger, random, timeline, sites, name } = this.#parts;
    const key = `own:${name}`;
    const value = this.#nextValue();
    const write = ledger.begin({ key, value });
    let from = site;
    for (let tries = 1; tries <= TRIES_MAX; tries += 1) {
      const args = { key, value, idempotencyKey: value };
      const told = await this.#attempt(write, from, "kv_set", args, tries > 1);
      if (told === "known") return;
      await timeline.wait(random.fraction() * 2_000);
      from = random.pick(sites);
    }
    ledger.leaveUnknown(write);
  }

  async #verifyKey(site: Site, key: string): Promise<void> {
    const report = await this.#call(site, "verify_key_sync", { key });
    if (report === "failed" || report === "gone") return;
    this.#note(`verifies ${key}: ${report.verdict}`);
    if (!report.inSync) this.#parts.watch.alarm(key, report.verdict);
  }

  async verifyAll(site: Site): Promise<void> {
    const report = await this.#call(site, "verify_cache_sync", {});
    if (report === "failed" || report === "gone") return;
    this.#note(`verifies all: ${report.overallSyncHealth}`);
    for (const { key, class: copyClass } of report.cacheVsShadowSync.mismatches)
      this.#parts.watch.alarm(key, copyClass);
  }

  /** Which writes the process says Redis has lost, of those that it had acknowledged. */
  async askForLosses(site: Site): Promise<void> {
    const { process } = site;
    const stats = await this.#call(site, "hybrid_sync_stats", {});
    if (stats === "failed" || stats === "gone" || process === undefined) return;
    this.#parts.ledger.reported(process.machine, stats.recovery?.lost ?? []);
  }

  /** Where nothing has drifted a repair has nothing to write: at most it brings to the store what waits. */
  async #repair(site: Site, key: string): Promise<void> {
    const report = await this.#call(site, "force_sync_repair", { key });
    if (report === "failed" || report === "gone") return;
    this.#note(`repairs ${key}: ${report.action}`);
    const isWriting = ["follow_cache", "follow_store", "remove"].includes(report.action);
    if (isWriting) {
      const { before, action } = report;
      this.#parts.onViolation(`A repair of ${key} (${before.verdict}) did ${action}.`);
    }
  }

  async #configure(site: Site): Promise<void> {
    const { random } = this.#parts;
    const change = random.pick([
      { mode: "event-only" },
      { mode: null },
      { mode: "hybrid" },
      { unprocessed: 0 },
      { unprocessed: null },
    ]);
    await this.#call(site, "hybrid_sync_configure", change);
  }

  async #write(
    write: BegunWrite,
    site: Site,
    tool: "kv_set" | "kv_delete",
    args: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const told = await this.#attempt(write, site, tool, args, false);
    if (told === "unknown") this.#parts.ledger.leaveUnknown(write);
  }

  /** One call of a write. "unknown": nobody can tell whether it was made, by this call or one before it. */
  async #attempt(
    write: BegunWrite,
    site: Site,
    tool: "kv_set" | "kv_delete",
    args: Readonly<Record<string, unknown>>,
    isRepetition: boolean,
  ): Promise<"known" | "unknown"> {
    const { ledger, provesConditions, losesJournal } = this.#parts;
    const { key, value } = write;
    const what = value === null ? `deletes ${key}` : `writes ${key}=${value}`;
    this.#note(`${what}…`);
    try {
      const receipt = await this.#ask(site, tool, args);
      if (receipt === "gone") {
        this.#note(`${what}: nobody knows`);
        return "unknown";
      }
      const { version, durable } = receipt;
      this.#note(`${what}: ${durable} ${this.#parts.log.nameOf(version)}`);
      const survives = durable !== "journal" || !losesJournal;
      ledger.acknowledge(write, { version, survives, by: site.process?.machine });
      this.#seen.set(key, { value, version });
      return "known";
    } catch (error) {
      const code = this.#codeOf(error);
      this.#note(`${what}: ${code}`);
      if (isRepetition || UNKNOWN.has(code)) return "unknown";
      if (code === "VERSION_CONFLICT") {
        if (write.requires !== undefined) ledger.refuse(key, write.requires, write.beganAt);
        return "known";
      }
      // Unpinned the cache has shown it to readers before it was withdrawn.
      if (code === "STORE_UNAVAILABLE" && !provesConditions) return "unknown";
      if (NOTHING_WRITTEN.has(code) || code === "STORE_UNAVAILABLE") {
        if (args["idempotencyKey"] !== undefined) return "unknown";
        ledger.fail();
        return "known";
      }
      this.#parts.onViolation(`${what} failed with ${code}: ${String(error)}`);
      return "unknown";
    }
  }

  async #call<Name extends Parameters<SimulatedLockstep["call"]>[0]>(
    site: Site,
    tool: Name,
    args: Readonly<Record<string, unknown>>,
  ) {
    try {
      return await this.#ask(site, tool, args);
    } catch (error) {
      const code = this.#codeOf(error);
      if (!PASSING.has(code))
        this.#parts.onViolation(`${tool} failed with ${code}: ${String(error)}`);
      return "failed";
    }
  }

  async #ask<Name extends Parameters<SimulatedLockstep["call"]>[0]>(
    site: Site,
    tool: Name,
    args: Readonly<Record<string, unknown>>,
  ) {
    const { process } = site;
    if (process !== undefined) return process.call(tool, args);
    await this.#parts.timeline.wait(100);
    return "gone";
  }

  #ack() {
    const dice = this.#parts.random.integer(10);
    if (dice < 7) return {};
    return { ack: dice < 9 ? "shadow" : "cache" };
  }

  #requires(value: string | null) {
    return this.#parts.provesConditions ? { requires: value } : {};
  }

  #codeOf(error: unknown): string {
    if (error instanceof ToolFailure) return error.code;
    throw error;
  }

  #nextValue(): string {
    this.#made += 1;
    return `${this.#parts.name}-${this.#made}`;
  }

  #note(what: string): void {
    const { log, name } = this.#parts;
    log.add(() => `${name} ${what}`);
  }
}

function isExpiring(key: string): boolean {
  return key.startsWith(EXPIRING);
}
