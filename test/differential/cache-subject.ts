import type { CacheAuthorityPort, CopyGuard } from "../../src/cache/cache-authority-port.ts";
import type { CacheObservation } from "../../src/cache/cache-port.ts";
import type { Entry } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import type { Version } from "../../src/model/version.ts";
import type { WriteCommand } from "../../src/model/write-command.ts";
import {
  type CacheAuthorityHarness,
  type OpenCacheAuthorityHarness,
  STORE_ID,
} from "../contract/cache-authority/harness.ts";
import { deleteOf, ifAbsent, ifVersion, setOf, withId } from "../contract/commands.ts";
import { entryOf, recordNo, versionNo } from "../contract/entries.ts";
import {
  type CacheSetting,
  type CacheStep,
  type CommandPlan,
  type FilledPlan,
  type GuardPlan,
  KEYS,
  type Key,
  type VersionPlan,
} from "./cache-stream.ts";
import type { Subject } from "./compare-streams.ts";
import { PlainWords, shifted } from "./plain-words.ts";

const MINUTE_MS = 60_000;

/** Long enough to be a TTL and short enough to be waited for. */
const LAPSE_MS = 5;

/** What one stream has come across of a key, oldest first. */
interface Memory {
  readonly versions: Version[];
  readonly seen: CacheObservation[];
  readonly tokens: string[];
}

/** A cache that decides, real or simulated, with two connections to it. */
export class CacheSubject implements Subject<CacheStep> {
  readonly name: string;
  readonly #harness: CacheAuthorityHarness;
  readonly #caches: readonly CacheAuthorityPort[];
  readonly #startMs: number;
  readonly #words: PlainWords;
  readonly #memories = new Map<Key, Memory>(
    KEYS.map((key) => [key, { versions: [], seen: [], tokens: [] }]),
  );

  static async open(
    name: string,
    openHarness: OpenCacheAuthorityHarness,
    setting: string,
  ): Promise<CacheSubject> {
    const harness = await openHarness(JSON.parse(setting) as CacheSetting);
    const other = await harness.openAnother();
    await other.bindStore(STORE_ID);
    return new CacheSubject(name, harness, other, await harness.nowMs());
  }

  private constructor(
    name: string,
    harness: CacheAuthorityHarness,
    other: CacheAuthorityPort,
    startMs: number,
  ) {
    this.name = name;
    this.#harness = harness;
    this.#caches = [harness.cache, other];
    this.#startMs = startMs;
    this.#words = new PlainWords(startMs);
  }

  async take(step: CacheStep): Promise<unknown> {
    // Where the clock stands still, versions of two steps would be neighbours.
    await this.#harness.elapse(1);
    const told = await this.#told(step);
    return this.#words.of({ told, seen: await this.#picture() });
  }

  close(): Promise<void> {
    return this.#harness.close();
  }

  async #told(step: CacheStep): Promise<unknown> {
    try {
      return await this.#do(step);
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      return { code: error.code };
    }
  }

  async #do(step: CacheStep): Promise<unknown> {
    const cache = this.#caches[step.by]!;
    const { raw } = this.#harness;
    switch (step.do) {
      case "write":
        return this.#write(cache, step);
      case "acknowledge":
        return cache.acknowledge(
          step.acks.map(({ key, version }) => ({ key, version: this.#version(key, version) })),
        );
      case "settle":
        return cache.settle(step.key, this.#version(step.key, step.version));
      case "withdraw":
        return cache.withdraw(step.key, this.#version(step.key, step.version));
      case "take lease": {
        const token = await cache.takeLease(step.key, { fromHolder: step.fromHolder });
        if (token !== undefined) this.#memory(step.key).tokens.push(token);
        return token === undefined ? "held" : "taken";
      }
      case "fill":
        return cache.fill(this.#entry(step.entry), this.#token(step.entry));
      case "stamp":
        return cache.stamp(this.#entry(step.entry), this.#token(step.entry));
      case "look":
        return this.#look(cache, step.key);
      case "drop":
        return cache.drop(await this.#seen(cache, step.key, step.seen), step.what);
      case "page pending":
        return cache.pendingOlderThan({ ageMs: 0, limit: step.limit, offset: step.offset });
      case "proves removal":
        return cache.provesRemoval(step.key, this.#version(step.key, step.version));
      case "set outside":
        if (step.life === "for ever") return raw.set(step.key, step.value);
        await raw.set(step.key, step.value, {
          ttlMs: step.life === "lapses" ? LAPSE_MS : 7 * MINUTE_MS,
        });
        return step.life === "lapses" ? this.#lapse() : undefined;
      case "append outside": {
        const [seen] = await cache.observe([step.key]);
        return seen?.foreignType === undefined ? raw.append(step.key, step.value) : "another type";
      }
      case "value goes":
        return raw.del(step.key);
      case "meta goes":
        return raw.forgetMeta(step.key);
      case "lease ends":
        return raw.endLease(step.key);
      case "another type":
        return raw.putOther(step.key, step.type);
      case "meta is spoilt":
        return raw.spoilMeta(step.key, step.how);
      case "clock was ahead":
        return raw.setLastSeq(step.key, (this.#startMs + step.hours * 60 * MINUTE_MS) * 1000);
      case "policy changes":
        await raw.setPolicy(step.policy);
        return Promise.all(this.#caches.map(async (one) => (await one.refreshPolicy()).pinned));
    }
  }

  async #write(
    cache: CacheAuthorityPort,
    { command, guard, thenAcknowledge }: Extract<CacheStep, { readonly do: "write" }>,
  ): Promise<unknown> {
    const made = await this.#guard(cache, command.key, guard);
    const written = await cache.write(this.#command(command), made);
    if (written.outcome === "written") {
      this.#words.minted(written.entry.version);
      this.#memory(command.key).versions.push(written.entry.version);
    }
    const acknowledged =
      thenAcknowledge && written.outcome === "written"
        ? await cache.acknowledge([written.entry])
        : undefined;
    if (command.life === "lapses") await this.#lapse();
    return { written, acknowledged };
  }

  async #look(cache: CacheAuthorityPort, key: Key): Promise<CacheObservation> {
    const [seen] = (await cache.observe([key])) as [CacheObservation];
    this.#memory(key).seen.push(seen);
    return seen;
  }

  /** All that can be asked without changing anything. */
  async #picture(): Promise<unknown> {
    const { cache } = this.#harness;
    const lives = await cache.timesToLive(KEYS);
    const observed = await cache.observe(KEYS);
    return {
      observed: Object.fromEntries(observed.map((seen) => [seen.key, seen])),
      lives: lives.map((ttlMs) => ({ ttlMs: ttlMs ?? String(ttlMs) })),
      pending: await cache.pendingOlderThan({ ageMs: 0, limit: 10 }),
      pendingCount: await cache.countPending(0),
      scanned: await this.#scan(),
    };
  }

  async #scan(): Promise<readonly string[]> {
    const keys = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await this.#harness.cache.scan({
        limit: 10,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const key of page.keys) keys.add(key);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return [...keys].sort();
  }

  #command(plan: CommandPlan): WriteCommand {
    const { key, value, life, writer, condition, idempotencyKey } = plan;
    const ttlMs = { "for ever": null, minutes: 5 * MINUTE_MS, lapses: LAPSE_MS }[life];
    const ids = { key, sessionId: writer, interactionId: writer };
    const bare = value === null ? deleteOf(ids) : setOf({ ...ids, value, ttlMs });
    const conditional =
      condition === undefined
        ? bare
        : condition === "absent"
          ? ifAbsent(bare)
          : ifVersion(this.#version(key, condition), bare);
    if (idempotencyKey === undefined) return conditional;
    // The mark covers the version that a condition names, which is another one in each implementation.
    const { idempotencyMark } = withId(idempotencyKey, condition === "absent" ? conditional : bare);
    return { ...conditional, ...(idempotencyMark === undefined ? {} : { idempotencyMark }) };
  }

  async #guard(
    cache: CacheAuthorityPort,
    key: Key,
    plan: GuardPlan | undefined,
  ): Promise<CopyGuard | undefined> {
    if (plan === undefined) return undefined;
    return {
      seen: await this.#seen(cache, key, plan.seen),
      ...(plan.token === undefined ? {} : { token: this.#token({ key, token: plan.token }) }),
      ...(plan.withRecords ? { idempotency: [recordNo(1), recordNo(2)] } : {}),
    };
  }

  #entry({ key, version, value, life, withRecords }: FilledPlan): Entry {
    const lifeMs = { "for ever": null, minutes: 9 * MINUTE_MS, over: -MINUTE_MS }[life];
    return entryOf({
      key,
      version: this.#version(key, version),
      value,
      expiresAtMs: lifeMs === null ? null : this.#startMs + lifeMs,
      ...(withRecords ? { idempotency: [recordNo(1), recordNo(2)] } : {}),
    });
  }

  #version(key: Key, { back, shift }: VersionPlan): Version {
    return shifted(this.#memory(key).versions.at(-1 - back) ?? versionNo(back), shift);
  }

  #token({ key, token }: { readonly key: Key; readonly token: number }): string {
    return this.#memory(key).tokens.at(-1 - token) ?? "never taken";
  }

  async #seen(cache: CacheAuthorityPort, key: Key, back: number): Promise<CacheObservation> {
    return this.#memory(key).seen.at(-1 - back) ?? this.#look(cache, key);
  }

  #memory(key: Key): Memory {
    return this.#memories.get(key)!;
  }

  /** Until whatever was given {@link LAPSE_MS} to live has ended by every clock. */
  async #lapse(): Promise<void> {
    const endMs = (await this.#harness.nowMs()) + LAPSE_MS + 2;
    while ((await this.#harness.nowMs()) < endMs) await this.#harness.elapse(1);
  }
}
