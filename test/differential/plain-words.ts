import { formatVersion, isVersion, seqOf, type Version } from "../../src/model/version.ts";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/** Points in time, and spans of it: both are told in whole minutes, of which no stream takes one. */
const TIMES = new Set(["expiresAtMs"]);
const SPANS = new Set(["ttlMs", "metaTtlMs"]);

/** How far beside a minted version a stream may go, microseconds. */
const NEAR = 2;

/** Nothing but the moment of the question. */
const IGNORED = new Set(["nowMs", "syncedAtMs", "stamp"]);

/**
 * Says what one implementation answers without its clock and the versions that it has minted: these get names, in the order
 * of their minting, and times count from the begin of the stream.
 */
export class PlainWords {
  readonly #startMs: number;
  readonly #names = new Map<Version, string>();

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** Every version that the implementation mints, in order. */
  minted(version: Version): void {
    if (!this.#names.has(version)) this.#names.set(version, `minted ${this.#names.size + 1}`);
  }

  of(value: unknown, field = ""): unknown {
    if (typeof value === "string" && isVersion(value)) return this.#nameOf(value);
    if (typeof value === "number") return this.#ofNumber(value, field);
    if (value instanceof Map)
      return new Map([...value].map(([key, held]) => [key, this.of(held, field)]));
    // Made anew: an array from outside the tests' realm would never be equal to one of them.
    if (Array.isArray(value)) return Array.from(value, (one) => this.of(one, field));
    if (typeof value !== "object" || value === null) return value;
    const fields = Object.entries(value)
      .filter(([name, held]) => held !== undefined && !IGNORED.has(name))
      .map(([name, held]) => [name, this.of(held, name)]);
    return Object.fromEntries(fields);
  }

  #ofNumber(value: number, field: string): unknown {
    if (TIMES.has(field)) return this.#ofTime(value);
    if (SPANS.has(field)) return `${Math.round(value / MINUTE_MS)} minutes`;
    if (field !== "markerSeq") return value;
    // A score is the seq of a version, or one above a version that a stream may have made up beside one.
    const known = [...this.#names.keys()].find(
      (version) => Math.abs(seqOf(version) - value) <= NEAR,
    );
    return this.#nameOf(formatVersion(Number(known?.slice(0, 8) ?? 1), value));
  }

  #ofTime(atMs: number): unknown {
    const minutes = Math.round((atMs - this.#startMs) / MINUTE_MS);
    // The clocks may be months apart, so what is far from one of them was given as a date.
    return Math.abs(minutes) > DAY_MINUTES ? atMs : `minute ${minutes}`;
  }

  /** Where it is none that was minted, it is the neighbour of one, or was made up alike for all. */
  #nameOf(version: Version): string {
    const exact = this.#names.get(version);
    if (exact !== undefined) return exact;
    for (const step of [-1, 1, 2]) {
      const near = this.#names.get(shifted(version, -step));
      if (near !== undefined) return `${near} ${step < 0 ? "-" : "+"} ${Math.abs(step)}`;
    }
    return version;
  }
}

/** The version so many microseconds later, or earlier. */
export function shifted(version: Version, step: number): Version {
  return formatVersion(Number(version.slice(0, 8)), seqOf(version) + step);
}
