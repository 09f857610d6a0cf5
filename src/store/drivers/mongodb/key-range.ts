const LAST_CODE_POINT = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;

interface KeyRange {
  readonly afterKey?: string | undefined;
  readonly prefix?: string | undefined;
}

/**
 * A condition on `_id`. MongoDB compares strings by their UTF-8 bytes, and a bound that is a string
 * matches strings only, so that documents of other hands with another kind of id are left out.
 */
export function keyRange({ afterKey, prefix = "" }: KeyRange): {
  $gte: string;
  $gt?: string;
  $lt?: string;
} {
  const end = prefixEnd(prefix);
  return {
    $gte: prefix,
    ...(afterKey === undefined ? {} : { $gt: afterKey }),
    ...(end === undefined ? {} : { $lt: end }),
  };
}

/**
 * The first text, in the order of UTF-8 bytes, after all that begin with `prefix`; undefined where
 * there is none. That order is the order of code points, so the last one is raised by one.
 */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === LAST_CODE_POINT) continue;
    const next = last + 1 === FIRST_SURROGATE ? AFTER_SURROGATES : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}
