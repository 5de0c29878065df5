/** The nearest of a few known names, for messages about names that are not known. */

/** Restricted Damerau-Levenshtein distance: insertions, deletions, substitutions and swaps of neighbours. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(rows[i - 1][j] + 1, row[j - 1] + 1, substitution);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}

/** The known name a person most likely meant: few letters away, or one that begins with what was written. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  const text = written.slice(0, 64).toLowerCase();
  let best: string | undefined;
  let least = Math.max(2, Math.floor(text.length / 3)) + 1;
  for (const name of known) {
    const prefix = text.length >= 3 && (name.startsWith(text) || text.startsWith(name));
    const distance = prefix ? 1 : editDistance(text, name);
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

/** `Did you mean x?`, or the given alternative when nothing is near. */
export function didYouMean(written: string, known: Iterable<string>, otherwise: string, prefix = ''): string {
  const name = nearest(written, known);
  return name === undefined ? otherwise : `Did you mean ${prefix}${name}?`;
}
