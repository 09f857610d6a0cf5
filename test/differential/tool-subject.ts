import { setTimeout as delay } from "node:timers/promises";
import { contentHash } from "../../src/model/content-hash.ts";
import { type Caller, ToolFailure } from "../support/lockstep/caller.ts";
import type { ToolAnswers, ToolName } from "../support/lockstep/tool-answers.ts";
import { waitUntil } from "../support/wait-until.ts";
import { withoutAllowed } from "./allowed-differences.ts";
import type { Subject } from "./compare-streams.ts";
import type { Args, EditPlan, ToolSetting, ToolStep } from "./tool-step.ts";
import { ToolWords } from "./tool-words.ts";

/** Another hand at the store, without any code of ours in between. */
export interface RowEditor {
  /** `hash` undefined: the one that stands there. */
  edit(key: string, value: string, hash: string | undefined): Promise<void>;
}

/** The product as it is composed for one mix of backends: one process, or two that take turns. */
export interface OpenedMix {
  readonly instances: readonly Caller[];
  readonly rows: RowEditor;
  restart(instance: number): Promise<void>;
  close(): Promise<void>;
}

/** What a call has come to: its answer, or the code of its error. */
type Told =
  | { readonly tool: ToolName; readonly answer: unknown }
  | { readonly tool: ToolName; readonly refused: string };

/** Longer than any clock is behind another on one machine. */
const EXPIRY_MARGIN_MS = 50;

export class ToolSubject implements Subject<ToolStep> {
  readonly name: string;
  readonly #setting: ToolSetting;
  readonly #mix: OpenedMix;
  readonly #words: ToolWords;
  #told: Told[] = [];

  constructor(name: string, setting: ToolSetting, mix: OpenedMix) {
    this.name = name;
    this.#setting = setting;
    this.#mix = mix;
    this.#words = new ToolWords(name);
  }

  async take(step: ToolStep): Promise<unknown> {
    this.#told = [];
    const by = step.by % this.#setting.instances;
    await this.#make(by, step);
    return Object.fromEntries(this.#told.map((told, index) => [`${index + 1} ${told.tool}`, told]));
  }

  async close(): Promise<void> {
    await this.#mix.close();
  }

  async #make(by: number, step: ToolStep): Promise<void> {
    switch (step.do) {
      case "call":
        if (step.tool === "verify_key_sync") await this.#fillOwn(by, String(step.args["key"]));
        await this.#call(by, step.tool, step.args);
        return;
      case "let expire":
        await this.#call(by, step.tool, step.args);
        await delay(Number(step.args["ttlSec"]) * 1000 + EXPIRY_MARGIN_MS);
        await this.#call(by, "kv_get", { key: step.args["key"] });
        await this.#call(by, "verify_key_sync", { key: step.args["key"] });
        return;
      case "restart":
        return this.#mix.restart(by);
      case "verify in parts":
        return this.#verifyInParts(by, step.args);
      case "list times in parts":
        return this.#listTimesInParts(by, step.args);
      case "repair":
        await this.#fillOwn(by, step.key);
        await this.#repair(by, step.key, step);
        return;
      case "drift, repaired by key":
        await this.#plant(by, step.edits);
        for (const { key } of step.edits) {
          await this.#repair(by, key, { strategy: step.strategy, dryRun: true });
          const repaired = await this.#repair(by, key, { strategy: step.strategy, dryRun: false });
          const named = step.andUndo ? repaired?.undo : undefined;
          if (named != null) await this.#call(by, named.tool, named.arguments);
        }
        return this.#mendRest(by, step.edits);
      case "drift, repaired by plan":
        await this.#plant(by, step.edits);
        await this.#carryOutPlan(by, step);
        return this.#mendRest(by, step.edits);
    }
  }

  /** Edits the rows of living keys, each of which has a copy by then. */
  async #plant(by: number, edits: readonly EditPlan[]): Promise<void> {
    const keys = edits.map(({ key }) => key);
    const living = await this.#fill(by, keys);
    for (const { key, value, hash } of edits) {
      if (!living.has(key)) continue;
      await this.#mix.rows.edit(key, value, hash === "right" ? contentHash(value) : undefined);
    }
    await this.#call(by, "verify_cache_sync", {});
    for (const key of keys) await this.#call(by, "verify_key_sync", { key });
  }

  async #carryOutPlan(
    by: number,
    step: Extract<ToolStep, { readonly do: "drift, repaired by plan" }>,
  ): Promise<void> {
    const planned = await this.#call(by, "plan_sync_repair", { strategy: step.strategy });
    const planId = planned?.planId ?? "none";
    const [first] = step.edits;
    if (step.writtenMeanwhile && first !== undefined)
      await this.#call(by, "kv_set", { key: first.key, value: "written meanwhile" });
    await this.#call(by, "apply_sync_repair", { planId });
    await this.#look(by, step.edits);
    await this.#call(by, "apply_sync_repair", { planId });
    if (!step.andUndo) return;
    await this.#call(by, "undo_sync_repair", { planId });
    await this.#look(by, step.edits);
    await this.#call(by, "undo_sync_repair", { planId });
  }

  /** What a strategy has left as it was must not be in the way of later steps. */
  async #mendRest(by: number, edits: readonly EditPlan[]): Promise<void> {
    for (const { key } of edits) await this.#repair(by, key, { strategy: "auto", dryRun: false });
    await this.#look(by, edits);
    await this.#call(by, "verify_cache_sync", {});
  }

  async #look(by: number, edits: readonly EditPlan[]): Promise<void> {
    for (const { key } of edits) await this.#call(by, "verify_key_sync", { key });
  }

  #repair(
    by: number,
    key: string,
    { strategy, dryRun }: { readonly strategy: string; readonly dryRun: boolean },
  ) {
    return this.#call(by, "force_sync_repair", { key, strategy, dryRun });
  }

  /** Of two processes without Redis, only one may have a copy; a look is compared where there is one. */
  async #fillOwn(by: number, key: string): Promise<void> {
    if (this.#setting.instances > 1) await this.#fill(by, [key]);
  }

  /** Reads the keys, so that this process has a copy of each that is alive; answers these. */
  async #fill(by: number, keys: readonly string[]): Promise<ReadonlySet<string>> {
    const living = new Set<string>();
    for (const key of keys) {
      const read = await this.#call(by, "kv_get", { key });
      if (read?.found === true) living.add(key);
    }
    return living;
  }

  /** Where one answer ends depends on how a cache lists its keys; what all of them say together does not. */
  async #verifyInParts(by: number, args: Args): Promise<void> {
    const counts: Record<string, number> = {};
    const mismatches: string[] = [];
    let cursor: string | null = null;
    let coverage: unknown;
    do {
      const part: ToolAnswers["verify_cache_sync"] = await this.#ask(by, "verify_cache_sync", {
        ...args,
        ...(cursor === null ? {} : { cursor }),
      });
      for (const [name, count] of Object.entries(part.cacheVsShadowSync.counts))
        counts[name] = (counts[name] ?? 0) + count;
      mismatches.push(...part.cacheVsShadowSync.mismatches.map(({ key }) => key));
      ({ cursor, coverage } = part);
    } while (cursor !== null);
    const answer = { counts, mismatches: mismatches.toSorted(), coverage };
    this.#tell("verify_cache_sync", args, answer);
  }

  async #listTimesInParts(by: number, args: Args): Promise<void> {
    const keys: { readonly key: string; readonly ttlSec: number | null }[] = [];
    let cursor: string | null = null;
    let total = 0;
    do {
      const part: ToolAnswers["get_cache_ttl_info"] = await this.#ask(by, "get_cache_ttl_info", {
        ...args,
        ...(cursor === null ? {} : { cursor }),
      });
      keys.push(...part.keys);
      ({ cursor, total } = part);
    } while (cursor !== null);
    this.#tell("get_cache_ttl_info", args, { keys, total });
  }

  async #ask<Name extends ToolName>(
    by: number,
    tool: Name,
    args: Args,
  ): Promise<ToolAnswers[Name]> {
    const instance = this.#mix.instances[by];
    if (instance === undefined) throw new RangeError(`There is no instance ${by}.`);
    return instance.call(tool, args);
  }

  /** Answers undefined where the call was refused. */
  async #call<Name extends ToolName>(
    by: number,
    tool: Name,
    planned: Args,
  ): Promise<ToolAnswers[Name] | undefined> {
    const args = this.#words.withVersions(planned);
    try {
      const answer = await this.#ask(by, tool, args);
      this.#tell(tool, args, answer);
      if ("method" in answer && answer.durable !== "shadow") await this.#untilSettled();
      return answer;
    } catch (error) {
      if (!(error instanceof ToolFailure)) throw error;
      this.#told.push({ tool, refused: error.code });
      return undefined;
    }
  }

  #tell(tool: ToolName, args: Args, answer: unknown): void {
    const plain = withoutAllowed(tool, answer, { args, setting: this.#setting });
    this.#told.push({ tool, answer: this.#words.of(String(args["key"]), plain) });
  }

  /** Until what a call has left to others is done: that it is done is promised, and when is not. */
  async #untilSettled(): Promise<void> {
    await waitUntil(
      async () => {
        for (const by of this.#mix.instances.keys()) {
          const { pending, unprocessedOutboxEvents } = await this.#ask(by, "hybrid_sync_stats", {});
          if (pending !== 0 || unprocessedOutboxEvents !== 0)
            throw new Error(`${pending} pending, ${unprocessedOutboxEvents} unprocessed`);
        }
        return true;
      },
      { withinMs: 20_000, everyMs: 5, what: `${this.name} to bring everything to the store` },
    );
  }
}
