/**
 * Byte-pair encoding of one word: start from its characters, then merge the adjacent pair of best rank,
 * leftmost first, until none is left (Sennrich et al. 2016; SentencePiece merges by score in the same way).
 * O(n log n) in the length of the word. Ids and tie-breaks are those of Hugging Face `tokenizers`.
 */
import { utf8 } from './bytes.ts';
import { MinHeap } from './heap.ts';

export interface BpeOptions {
  /** piece → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** Pairs of pieces to merge, best first; each half and the whole are in `vocab`. */
  readonly merges: readonly (readonly [left: string, right: string])[];
  /** Rank of each merge where several share one (equal scores); their own order otherwise. */
  readonly ranks?: Int32Array;
  readonly unkId?: number;
  /** Adjacent unknown characters make one unknown token. */
  readonly fuseUnk?: boolean;
  /** An unknown character becomes its `<0xNN>` byte pieces. */
  readonly byteFallback?: boolean;
  /** A word that is in the vocabulary is that token, whatever the merges say. */
  readonly ignoreMerges?: boolean;
}

/** Words of up to this many UTF-16 units are remembered, this many of them. */
const cachedLength = 64;
const cachedWords = 20_000;

/** Encodes words; holds a bounded cache of the words it has seen. */
export class BytePairEncoder {
  readonly #options: BpeOptions;
  readonly #vocab: ReadonlyMap<string, number>;
  /** left * stride + right → index of the merge. */
  readonly #pairs = new Map<number, number>();
  readonly #results: Int32Array;
  readonly #stride: number;
  readonly #cache = new Map<string, readonly number[]>();

  /** @throws RangeError naming the merge whose halves or whole are not in the vocabulary. */
  constructor(options: BpeOptions) {
    const { vocab, merges } = options;
    this.#options = options;
    this.#vocab = vocab;
    let largest = 0;
    for (const id of vocab.values()) largest = Math.max(largest, id);
    this.#stride = largest + 1;
    this.#results = new Int32Array(merges.length);
    for (let index = 0; index < merges.length; index++) {
      const [left, right] = merges[index];
      const a = vocab.get(left);
      const b = vocab.get(right);
      const result = vocab.get(left + right);
      if (a === undefined || b === undefined || result === undefined) {
        throw new RangeError(
          `merge ${index} (${JSON.stringify(`${left} ${right}`)}) is not in the vocabulary`,
        );
      }
      this.#pairs.set(a * this.#stride + b, index);
      this.#results[index] = result;
    }
  }

  /** Appends the ids of `word` to `out`. */
  encode(word: string, out: number[]): void {
    const known = this.#cache.get(word);
    if (known) {
      for (const id of known) out.push(id);
      return;
    }
    const ids = this.#encodeWord(word);
    if (word.length <= cachedLength) {
      if (this.#cache.size >= cachedWords) this.#cache.clear();
      this.#cache.set(word, ids);
    }
    for (const id of ids) out.push(id);
  }

  #encodeWord(word: string): readonly number[] {
    const whole = this.#options.ignoreMerges ? this.#vocab.get(word) : undefined;
    return whole === undefined ? this.#merge(this.#symbols(word)) : [whole];
  }

  /** The ids of the characters of `word`, before any merge; characters nobody knows are dropped. */
  #symbols(word: string): number[] {
    const { unkId, fuseUnk } = this.#options;
    const ids: number[] = [];
    let afterUnknown = false;
    for (const character of word) {
      const id = this.#vocab.get(character);
      const known = id === undefined ? this.#byteIds(character) : [id];
      if (known) ids.push(...known);
      else if (unkId !== undefined && !(fuseUnk && afterUnknown)) ids.push(unkId);
      afterUnknown = known === undefined;
    }
    return ids;
  }

  #byteIds(character: string): number[] | undefined {
    if (!this.#options.byteFallback) return undefined;
    const ids: number[] = [];
    for (const byte of utf8(character)) {
      const id = this.#vocab.get(bytePiece(byte));
      if (id === undefined) return undefined;
      ids.push(id);
    }
    return ids;
  }

  #merge(ids: number[]): number[] {
    const length = ids.length;
    if (length < 2) return ids;
    const { ranks } = this.#options;
    const next = Int32Array.from(ids, (_, at) => (at + 1 < length ? at + 1 : -1));
    const previous = Int32Array.from(ids, (_, at) => at - 1);
    const heap = new MinHeap();

    const mergeAt = (at: number): number | undefined => {
      const right = next[at];
      return right < 0 ? undefined : this.#pairs.get(ids[at] * this.#stride + ids[right]);
    };
    // A candidate is rank * length + position: the heap then orders by rank, and leftmost among equals.
    const key = (index: number, at: number): number => (ranks ? ranks[index] : index) * length + at;
    const consider = (at: number): void => {
      const index = mergeAt(at);
      if (index !== undefined) heap.push(key(index, at));
    };

    for (let at = 0; at + 1 < length; at++) consider(at);
    while (heap.size > 0) {
      const candidate = heap.pop()!;
      const at = candidate % length;
      if (ids[at] < 0) continue;
      const index = mergeAt(at);
      // Stale: one of the two symbols has been merged since.
      if (index === undefined || key(index, at) !== candidate) continue;
      const right = next[at];
      ids[at] = this.#results[index];
      ids[right] = -1;
      next[at] = next[right];
      if (next[at] >= 0) previous[next[at]] = at;
      consider(at);
      if (previous[at] >= 0) consider(previous[at]);
    }
    return ids.filter((id) => id >= 0);
  }
}

/** The vocabulary entry that stands for one raw byte: `<0x0A>`. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}
