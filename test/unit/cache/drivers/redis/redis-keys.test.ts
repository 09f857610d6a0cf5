import { describe, expect, it } from "@jest/globals";
import { patternOf, sideKeys } from "../../../../../src/cache/drivers/redis/redis-keys.ts";
import { bucketOf } from "../../../../../src/model/bucket.ts";
import { seeded } from "../../../../support/seeded-random.ts";

describe("patternOf", () => {
  it("matches everything for no prefix", () => {
    expect(patternOf("")).toBe("*");
  });

  it.each([
    ["user:", "user:*"],
    ["*", "\\**"],
    ["a?b", "a\\?b*"],
    ["[a-z]", "\\[a-z\\]*"],
    ["back\\slash", "back\\\\slash*"],
    ["^{}()|.+$", "^{}()|.+$*"],
    ["a\0b\n😀", "a\0b\n😀*"],
  ])("takes %j for plain text", (prefix, pattern) => {
    expect(patternOf(prefix)).toBe(pattern);
  });

  it(
    "matches what begins with the prefix and nothing else, for any text",
    seeded((random) => {
      const alphabet = ["*", "?", "[", "]", "\\", "^", "-", "a", "b", "😀"];
      const text = (length: number) =>
        Array.from({ length: random.integer(length) }, () => random.pick(alphabet)).join("");
      for (let round = 0; round < 2000; round += 1) {
        const prefix = text(5);
        const key = random.fraction() < 0.5 ? prefix + text(3) : text(6);

        expect([prefix, key, globMatches(patternOf(prefix), key)]).toEqual([
          prefix,
          key,
          key.startsWith(prefix),
        ]);
      }
    }),
  );
});

describe("sideKeys", () => {
  it("puts the user's key behind a prefix as it is, and names the bucket's keys by its number", () => {
    const key = "a}b{c lockstep:*\0";

    expect(sideKeys(key)).toEqual({
      bucket: bucketOf(key),
      meta: `lockstep:m:${key}`,
      lease: `lockstep:l:${key}`,
      state: `lockstep:s:${bucketOf(key)}`,
      pending: `lockstep:p:${bucketOf(key)}`,
    });
  });

  it("gives keys of one hash tag one bucket", () => {
    expect(sideKeys("{tag}:1").bucket).toBe(sideKeys("{tag}:2").bucket);
    expect(sideKeys("{tag}:1").bucket).toBe(sideKeys("tag").bucket);
  });
});

/** The glob rules of the server, for patterns that have no unescaped class: `*`, `?`, and `\` before a plain character. */
function globMatches(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const [first, second] = pattern;
  if (first === "*") {
    return (
      globMatches(pattern.slice(1), text) || (text !== "" && globMatches(pattern, text.slice(1)))
    );
  }
  if (first === "[") throw new Error("A class was not escaped.");
  const plain = first === "\\" ? second! : first!;
  const isAny = first === "?";
  const rest = pattern.slice(first === "\\" ? 1 + plain.length : first!.length);
  if (isAny) return text !== "" && globMatches(rest, text.slice(1));
  return text.startsWith(plain) && globMatches(rest, text.slice(plain.length));
}
