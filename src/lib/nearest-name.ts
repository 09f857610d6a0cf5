/**
 * The one of `names` that `given` was probably meant to be: one that it begins, or one from which at most a
 * third of its letters differ. Undefined where none is near. Upper and lower case count as equal.
 */
export function nearestName(given: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let begun: string | undefined;
  let fewestEdits = Math.floor(given.length / 3) + 1;
  for (const name of names) {
    if (given.length > 1 && name.toLowerCase().startsWith(given.toLowerCase())) begun ??= name;
    // The difference in length alone is a lower bound, and keeps a very long text from being compared.
    if (Math.abs(name.length - given.length) >= fewestEdits) continue;
    const edits = editDistance(given.toLowerCase(), name.toLowerCase());
    if (edits < fewestEdits) [nearest, fewestEdits] = [name, edits];
  }
  return nearest ?? begun;
}

/** Levenshtein's distance, one row of the table at a time. */
function editDistance(source: string, target: string): number {
  let row = Array.from({ length: target.length + 1 }, (_, column) => column);
  for (let line = 0; line < source.length; line += 1) {
    const next = [line + 1];
    for (let column = 1; column <= target.length; column += 1) {
      const replaced = (row[column - 1] ?? 0) + (source[line] === target[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[target.length] ?? 0;
}
