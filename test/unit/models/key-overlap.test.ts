import { describe, expect, it } from "@jest/globals";
import { commonKey } from "../../../src/models/key-overlap.ts";
import { KeyTemplate } from "../../../src/models/key-template.ts";
import { ID_TYPES, type IdType } from "../../../src/store/model-documents-port.ts";
import { type SeededRandom, seeded } from "../../support/seeded-random.ts";

describe("commonKey", () => {
  it.each<[string, IdType, string, IdType]>([
    ["user:{_id}", "objectId", "user:{_id}", "objectId"],
    ["user:{_id}", "objectId", "user:{_id}", "string"],
    ["user:{_id}", "number", "user:{_id}", "objectId"],
    ["user:{_id}", "string", "user:{_id}", "uuid"],
    ["u{tenant}:{_id}", "number", "user:{_id}", "number"],
    ["user:{_id}", "string", "user:a{name}-{_id}", "string"],
    ["t:{tenant}:user:{_id}", "number", "t:{tenant}:{kind}:{_id}", "objectId"],
    ["user:{_id}", "string", "user:count:{_id}".replace("count:", "count"), "number"],
  ])("finds one of %s (%s) and %s (%s)", (left, leftType, right, rightType) => {
    const [one, other] = [template(left, leftType), template(right, rightType)];

    const key = commonKey(one, other);

    expect(key).toBeDefined();
    expect(commonKey(other, one)).toHaveLength(key!.length);
  });

  it.each<[string, IdType, string, IdType]>([
    ["user:{_id}", "objectId", "session:{_id}", "objectId"],
    ["user:{_id}", "objectId", "user:{_id}", "uuid"],
    ["user:{_id}", "objectId", "user:{_id}:posts", "objectId"],
    ["user:{_id}", "string", "user:{_id}:posts", "string"],
    ["user:{_id}", "string", "tenant:{tenant}:user:{_id}", "string"],
    ["user:{_id}", "objectId", "user:x{_id}", "string"],
    ["user:{_id}", "uuid", "user:{_id}", "number"],
  ])("finds none of %s (%s) and %s (%s)", (left, leftType, right, rightType) => {
    expect(commonKey(template(left, leftType), template(right, rightType))).toBeUndefined();
  });

  it(
    "finds one wherever two templates have a key in common, and it is one of both",
    seeded((random) => {
      let common = 0;
      const wrong: object[] = [];
      for (let round = 0; round < 3_000; round += 1) {
        const [one, other] = [anyTemplate(random), anyTemplate(random)];
        const key = one.keyOf({ a: word(random), _id: word(random) });
        const isCommon = key !== undefined && other.parse(key) !== undefined;
        if (isCommon) common += 1;

        const found = commonKey(one, other);

        // Numbers are read more widely here than by a template.
        const isExact = one.id.type !== "number" && other.id.type !== "number";
        const isOfBoth = (text: string) =>
          one.parse(text) !== undefined && other.parse(text) !== undefined;
        const isRight = found === undefined ? !isCommon : !isExact || isOfBoth(found);
        if (!isRight) wrong.push({ one: one.text, other: other.text, key, found });
      }

      expect(wrong).toEqual([]);
      expect(common).toBeGreaterThan(10);
    }),
  );
});

function template(text: string, type: IdType): KeyTemplate {
  return new KeyTemplate(text, { field: "_id", type });
}

function anyTemplate(random: SeededRandom): KeyTemplate {
  const between = random.pick([":", "a", "-", "/", "😀", "ab"]);
  const end = random.pick(["", "", "a", ":b"]);
  const text = random.pick([
    `${random.pick(["a", "ab", "a:"])}{_id}${end}`,
    `a{a}${between}{_id}${end}`,
  ]);
  return template(text, random.pick([...ID_TYPES, "string", "string"]));
}

function word(random: SeededRandom): string {
  const length = 1 + random.integer(3);
  return Array.from({ length }, () => random.pick(["a", "b", ":", "-", "😀"])).join("");
}
