import type { IdType } from "../store/model-documents-port.ts";
import type { KeyTemplate } from "./key-template.ts";

/** The signs that may stand at a place of a key: one of these, or any but these. */
type Signs = { readonly only: readonly string[] } | { readonly not: readonly string[] };

/** One place of a key. */
interface Step {
  readonly signs: Signs;
  /** Whether more of the same may follow. */
  readonly isRepeated?: boolean;
  /** Whether there may be none. */
  readonly isOptional?: boolean;
}

const DIGIT = { only: Array.from("0123456789") };
const HEX = { only: Array.from("0123456789abcdef") };

const IDS: Readonly<Record<Exclude<IdType, "string">, readonly Step[]>> = {
  objectId: hexes(24),
  uuid: [8, 4, 4, 4, 12].flatMap((count, at) => [
    ...(at === 0 ? [] : textOf("-")),
    ...hexes(count),
  ]),
  // More than there are numbers, which refuses what need not be refused, and never the other way round.
  number: [
    { signs: { only: ["-"] }, isOptional: true },
    { signs: DIGIT, isRepeated: true },
    { signs: { only: ["."] }, isOptional: true },
    { signs: DIGIT, isRepeated: true, isOptional: true },
    { signs: { only: ["e"] }, isOptional: true },
    { signs: { only: ["+", "-"] }, isOptional: true },
    { signs: DIGIT, isRepeated: true, isOptional: true },
  ],
};

/** More than all templates exclude together, so that there is always one that two of them allow. */
const EXAMPLES = Array.from("abcdefghijklmnopqrstuvwxyz0123456789");

/**
 * A key that both templates take for their own; undefined where there is none. Both are read sign by sign together,
 * breadth first, so the key is one of the shortest.
 */
export function commonKey(one: KeyTemplate, other: KeyTemplate): string | undefined {
  const [left, right] = [stepsOf(one), stepsOf(other)];
  const width = right.length + 1;
  const keys = new Map<number, string>([[0, ""]]);
  // A map names what was added while it is gone through.
  for (const [state, key] of keys) {
    const [atLeft, atRight] = [Math.floor(state / width), state % width];
    if (mayEnd(left, atLeft) && mayEnd(right, atRight)) return key;
    for (const toLeft of movesFrom(left, atLeft)) {
      for (const toRight of movesFrom(right, atRight)) {
        const sign = commonSign(toLeft.signs, toRight.signs);
        const next = toLeft.to * width + toRight.to;
        if (sign !== undefined && !keys.has(next)) keys.set(next, key + sign);
      }
    }
  }
  return undefined;
}

/** On to a next place, or one sign more of a place that repeats. */
function movesFrom(steps: readonly Step[], at: number) {
  const moves: { readonly signs: Signs; readonly to: number }[] = [];
  const last = steps[at - 1];
  if (last?.isRepeated === true) moves.push({ signs: last.signs, to: at });
  for (const [ahead, { signs, isOptional }] of steps.slice(at).entries()) {
    moves.push({ signs, to: at + ahead + 1 });
    if (isOptional !== true) break;
  }
  return moves;
}

function mayEnd(steps: readonly Step[], at: number): boolean {
  return steps.slice(at).every(({ isOptional }) => isOptional === true);
}

function commonSign(left: Signs, right: Signs): string | undefined {
  const candidates = "only" in left ? left.only : "only" in right ? right.only : EXAMPLES;
  return candidates.find((sign) => allows(left, sign) && allows(right, sign));
}

function allows(signs: Signs, sign: string): boolean {
  return "only" in signs ? signs.only.includes(sign) : !signs.not.includes(sign);
}

function stepsOf({ pieces }: KeyTemplate): readonly Step[] {
  return pieces.flatMap((piece): readonly Step[] => {
    if ("literal" in piece) return textOf(piece.literal);
    if ("idType" in piece) return IDS[piece.idType];
    return [{ signs: { not: piece.without }, isRepeated: true }];
  });
}

function textOf(literal: string): readonly Step[] {
  return Array.from(literal, (sign) => ({ signs: { only: [sign] } }));
}

function hexes(count: number): readonly Step[] {
  return Array.from({ length: count }, () => ({ signs: HEX }));
}
