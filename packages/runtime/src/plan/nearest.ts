// The name that was meant, where one is misspelt.

/**
 * The known name that the fewest edits make of a word, and no more than a third of its letters.
 * @returns undefined where none is near
 */
export function nearest(
  word: string,
  known: Iterable<string>,
): string | undefined {
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const name of known) {
    // so many letters are missing or too many in any case
    if (Math.abs(name.length - word.length) >= fewest) continue;
    const count = edits(word, name);
    if (count >= fewest) continue;
    [best, fewest] = [name, count];
  }
  return best;
}

/** `; did you mean NAME?`, or nothing where no name is near, or what was found is no word. */
export function suggestion(found: unknown, known: Iterable<string>): string {
  const name = typeof found === "string" ? nearest(found, known) : undefined;
  return name === undefined ? "" : `; did you mean ${name}?`;
}

/** Letters to put in, take out, replace, or swap with their neighbour (optimal string alignment). */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let count = Math.min(
        row[j]! + 1,
        next[j - 1]! + 1,
        row[j - 1]! + (isSame ? 0 : 1),
      );
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2];
      if (isSwap && a[i - 2] === b[j - 1])
        count = Math.min(count, before[j - 2]! + 1);
      next.push(count);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
