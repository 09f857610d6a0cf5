import type { CacheObservation } from "../../src/cache/cache-port.ts";
import type { Entry } from "../../src/model/entry.ts";
import { LockstepError } from "../../src/model/lockstep-error.ts";
import { seqOf, type Version } from "../../src/model/version.ts";
import type { OutboxEvent } from "../../src/store/outbox-port.ts";
import type { Command, Outcome } from "./network.ts";
import type { Timeline } from "./timeline.ts";

/** Commands by which processes only keep themselves informed. */
const ROUTINE = new Set([
  "read",
  "refreshPolicy",
  "bindStore",
  "storeId",
  "countUnprocessed",
  "countDead",
  "countPending",
  "countRows",
  "staleEntries",
  "ping",
]);

/** What happened, a line each, for a person who looks for the cause of a violation. Costs nothing while it is not kept. */
export class StepLog {
  readonly #timeline: Timeline;
  readonly #lines: string[] | undefined;
  readonly #names = new Map<Version, string>();

  constructor(timeline: Timeline, lines: string[] | undefined) {
    this.#timeline = timeline;
    this.#lines = lines;
  }

  add(line: () => string): void {
    if (this.#lines === undefined) return;
    const at = (this.#timeline.nowMs / 1000).toFixed(4).padStart(9);
    this.#lines.push(`${at}  ${line()}`);
  }

  /** A command that a server has carried out, or that its sender has given up. */
  command({ machine, server, method, args }: Command, outcome: Outcome | "no answer"): void {
    if (this.#lines === undefined) return;
    if (ROUTINE.has(method)) return;
    if (outcome !== "no answer" && "value" in outcome && isNothing(outcome.value)) return;
    this.add(() => {
      const what = args.map((arg) => this.#show(arg)).join(", ");
      return `${machine.name} ${server}.${method}(${what}) → ${this.#showOutcome(outcome)}`;
    });
  }

  /** A short name, in the order of first mention; versions themselves are too long to tell apart. */
  nameOf(version: Version): string {
    const known = this.#names.get(version);
    if (known !== undefined) return known;
    const name = `#${this.#names.size + 1}`;
    this.#names.set(version, name);
    return name;
  }

  #showOutcome(outcome: Outcome | "no answer"): string {
    if (outcome === "no answer") return "given up";
    if ("value" in outcome) return this.#show(outcome.value);
    return LockstepError.codeOf(outcome.error) ?? String(outcome.error);
  }

  #show(value: unknown): string {
    if (value === undefined) return "nothing";
    if (typeof value === "string") {
      return /^\d{24}$/.test(value) ? this.nameOf(value) : value;
    }
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    if (Array.isArray(value)) return `[${value.map((one) => this.#show(one)).join(", ")}]`;
    if (value instanceof Map) {
      const pairs = [...value].map(([key, one]) => `${String(key)} ${this.#show(one)}`);
      return `{${pairs.join(", ")}}`;
    }
    if (isEvent(value)) return `${value.id} ${this.#showEntry(value.entry)}`;
    if (isObservation(value)) return this.#showObservation(value);
    if (isEntry(value)) return this.#showEntry(value);
    const fields = Object.entries(value).filter(
      ([name, one]) => one !== null && one !== undefined && name !== "hash",
    );
    return `{${fields.map(([name, one]) => `${name} ${this.#show(one)}`).join(", ")}}`;
  }

  #showEntry({ key, version, value }: Entry): string {
    return `${key}=${value ?? "deleted"} ${this.nameOf(version)}`;
  }

  #showObservation({ key, value, meta, markerSeq }: CacheObservation): string {
    const copy = value === undefined ? "" : `=${value.text}`;
    const tomb = meta?.tombstone === true ? " tombstone" : "";
    const version = meta === undefined ? " no meta" : `${tomb} ${this.nameOf(meta.version)}`;
    return `${key}${copy}${version}${markerSeq === undefined ? "" : ` marked ${this.#since(markerSeq)}`}`;
  }

  /** Which version a marker speaks of, where it was minted as such. */
  #since(seq: number): string {
    const minted = [...this.#names.keys()].find((version) => seqOf(version) === seq);
    return minted === undefined ? String(seq) : this.nameOf(minted);
  }
}

function isNothing(value: unknown): boolean {
  return (Array.isArray(value) && value.length === 0) || (value instanceof Map && value.size === 0);
}

function isEvent(value: object): value is OutboxEvent {
  return "entry" in value && "attempts" in value;
}

function isObservation(value: object): value is CacheObservation {
  return "markerSeq" in value && "metaTtlMs" in value;
}

function isEntry(value: object): value is Entry {
  return "version" in value && "value" in value && "key" in value;
}
