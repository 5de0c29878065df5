/**
 * Progress of one pull over all its files: every report carries the current file and the sums.
 */

/** Bytes; a total is `undefined` while the source has not said it. */
export interface PullProgress {
  file: string;
  loaded: number;
  total: number | undefined;
  loadedTotal: number;
  grandTotal: number | undefined;
}

/** A file that will be fetched. */
export interface PlannedFile {
  name: string;
  size: number | undefined;
}

/**
 * Adds up the files of a pull.
 * @returns the function to call with a file's name and its bytes so far.
 */
export function trackProgress(
  files: readonly PlannedFile[],
  onProgress: ((progress: PullProgress) => void) | undefined,
): (file: string, loaded: number) => void {
  const totals = new Map(files.map(({ name, size }) => [name, size]));
  const loadedBy = new Map<string, number>();
  const sizes = [...totals.values()];
  const grandTotal = sizes.every((size) => size !== undefined)
    ? sizes.reduce((sum: number, size) => sum + size, 0)
    : undefined;
  return (file, loaded) => {
    loadedBy.set(file, loaded);
    const loadedTotal = [...loadedBy.values()].reduce((sum, bytes) => sum + bytes, 0);
    onProgress?.({ file, loaded, total: totals.get(file), loadedTotal, grandTotal });
  };
}
