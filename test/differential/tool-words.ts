import { isVersion, type Version } from "../../src/model/version.ts";
import { PlainWords, shifted } from "./plain-words.ts";
import type { Args, VersionPlan } from "./tool-step.ts";

/** Stands for a version of a key that has none. */
const UNKNOWN_VERSION = "000000010000000000000001";

/** Says what one product answers without the versions that it has given: the ones of each key get names, in their order. */
export class ToolWords {
  readonly #name: string;
  readonly #words = new Map<string, PlainWords>();
  readonly #versions = new Map<string, Version[]>();

  /** `name`: whose answers they are. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Answers with versions in them are of one key. Throws where one is new, and not above all that are known. */
  of(key: string, answer: unknown): unknown {
    const words = this.#words.get(key) ?? new PlainWords(0);
    this.#words.set(key, words);
    const known = this.#known(key);
    for (const version of versionsIn(answer).toSorted()) {
      if (known.includes(version)) continue;
      const newest = known.at(-1);
      if (newest !== undefined && version < newest)
        throw new Error(`${this.#name} gave ${key} the version ${version} after ${newest}.`);
      known.push(version);
      words.minted(version);
    }
    return words.of(inKeyOrder(answer));
  }

  /** Puts versions of the key in the place of their plans. */
  withVersions(args: Args): Args {
    const known = this.#known(String(args["key"]));
    const fields = Object.entries(args).map(([name, value]) => {
      if (!isVersionPlan(value)) return [name, value] as const;
      const version = known.at(-1 - value.back) ?? UNKNOWN_VERSION;
      return [name, shifted(version, value.shift)] as const;
    });
    return Object.fromEntries(fields);
  }

  #known(key: string): Version[] {
    const known = this.#versions.get(key) ?? [];
    this.#versions.set(key, known);
    return known;
  }
}

function isVersionPlan(value: unknown): value is VersionPlan {
  return typeof value === "object" && value !== null && "back" in value;
}

function versionsIn(answer: unknown): readonly Version[] {
  if (typeof answer === "string") return isVersion(answer) ? [answer] : [];
  if (typeof answer !== "object" || answer === null) return [];
  return [...new Set(Object.values(answer).flatMap(versionsIn))];
}

/** Lists of keys are in no order that is promised. */
function inKeyOrder(answer: unknown): unknown {
  if (Array.isArray(answer)) {
    const told = answer.map(inKeyOrder);
    return told.every((one) => keyOf(one) !== undefined)
      ? told.toSorted((one, other) => ((keyOf(one) ?? "") < (keyOf(other) ?? "") ? -1 : 1))
      : told;
  }
  if (typeof answer !== "object" || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer).map(([name, value]: [string, unknown]) => [name, inKeyOrder(value)]),
  );
}

function keyOf(listed: unknown): string | undefined {
  if (typeof listed === "string") return listed;
  const hasKey = typeof listed === "object" && listed !== null && "key" in listed;
  return hasKey ? String(listed.key) : undefined;
}
