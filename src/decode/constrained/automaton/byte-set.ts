/** Sets of bytes as 256 bits in eight words. */

export type ByteSet = Uint32Array;

/** The bytes `first` to `last`, both included. */
export function byteRange(first: number, last = first): ByteSet {
  const set = new Uint32Array(8);
  for (let byte = first; byte <= last; byte++) set[byte >> 5] |= 1 << (byte & 31);
  return set;
}

export const hasByte = (set: ByteSet, byte: number): boolean => ((set[byte >> 5] >>> (byte & 31)) & 1) === 1;

export const isEmptySet = (set: ByteSet): boolean => set.every((word) => word === 0);

export const unionOf = (sets: readonly ByteSet[]): ByteSet =>
  Uint32Array.from({ length: 8 }, (_, word) => sets.reduce((bits, set) => bits | set[word], 0));

/**
 * Splits the bytes into classes that no given set tells apart.
 * @returns class of each byte, [256], and one byte of each class
 */
export function byteClasses(sets: Iterable<ByteSet>): { classOf: Uint8Array; representatives: number[] } {
  const classOf = new Uint8Array(256);
  let count = 1;
  for (const set of sets) {
    const renamed = new Map<number, number>();
    let next = 0;
    for (let byte = 0; byte < 256; byte++) {
      const key = classOf[byte] * 2 + (hasByte(set, byte) ? 1 : 0);
      let name = renamed.get(key);
      if (name === undefined) {
        name = next++;
        renamed.set(key, name);
      }
      classOf[byte] = name;
    }
    count = next;
  }
  const representatives: number[] = [];
  for (let byte = 0; representatives.length < count; byte++) {
    if (classOf[byte] === representatives.length) representatives.push(byte);
  }
  return { classOf, representatives };
}

/** Classes of the bytes that none of the partitions tells apart, [256]; 256 classes at most. */
export function commonClasses(partitions: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(256), ...others] = new Set(partitions);
  let common = first;
  for (const partition of others) {
    const names = new Map<number, number>();
    common = common.map((name, byte) => {
      const key = name * 256 + partition[byte];
      const known = names.get(key) ?? names.size;
      names.set(key, known);
      return known;
    });
  }
  return common;
}
