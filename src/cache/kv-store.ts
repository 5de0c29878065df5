/**
 * The K and V tensors of all layers, owned by JavaScript and fed to the graph without a copy.
 * Keys are stored after rotary embedding. ONNX Runtime copies every output, so the graph returns the new rows only,
 * `[kvHeads, rows, dim]`, and `write` puts them into their slots.
 *
 * Contract: never written to while a forward that reads it is running.
 */

import { QuickstepError } from '../errors.ts';
import type { Move } from './slot-cache.ts';
import { SlotTensor } from './slot-tensor.ts';

/** What a model caches for each token. */
export interface KvShape {
  readonly layers: number;
  readonly kvHeads: number;
  /** Length of one head's key. */
  readonly headDim: number;
  /** Length of one head's value; `headDim` by default. */
  readonly valueDim?: number;
}

export class KvStore {
  readonly shape: Required<KvShape>;
  #capacity = 0;
  #keys: SlotTensor[];
  #values: SlotTensor[];

  /**
   * A store of capacity 0.
   * @throws QuickstepError `bad-shape` when a size is not a positive integer.
   */
  constructor({ layers, kvHeads, headDim, valueDim = headDim }: KvShape) {
    this.shape = { layers, kvHeads, headDim, valueDim };
    for (const [name, size] of Object.entries(this.shape)) {
      if (Number.isSafeInteger(size) && size > 0) continue;
      throw new QuickstepError('bad-shape', `The K/V cache has ${name} ${size}.`, 'Check the model config.');
    }
    this.#keys = Array.from({ length: layers }, () => new SlotTensor(kvHeads, headDim));
    this.#values = Array.from({ length: layers }, () => new SlotTensor(kvHeads, valueDim));
  }

  /** Slots each tensor is laid out for. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Bytes allocated for all layers, room for growth included. */
  get bytes(): number {
    return [...this.#keys, ...this.#values].reduce((sum, tensor) => sum + tensor.bytes, 0);
  }

  /** Keys of a layer, `[kvHeads, capacity, headDim]`. The same array until the capacity changes. */
  key(layer: number): Float32Array {
    return this.#keys[layer].data;
  }

  /** Values of a layer, `[kvHeads, capacity, valueDim]`. The same array until the capacity changes. */
  value(layer: number): Float32Array {
    return this.#values[layer].data;
  }

  /**
   * Makes room for `capacity` slots without changing the layout, so that growing up to there copies no tensor anew.
   * @throws QuickstepError `out-of-memory`.
   */
  reserve(capacity: number): void {
    for (const tensor of this.#keys) tensor.reserve(capacity);
    for (const tensor of this.#values) tensor.reserve(capacity);
  }

  /**
   * Lays every tensor out for `capacity` slots. Slots below the old and the new capacity keep their contents; the
   * others hold anything finite. All or nothing.
   * @throws QuickstepError `out-of-memory`, and then the store is as it was.
   */
  resize(capacity: number): void {
    if (capacity === this.#capacity) return;
    this.reserve(capacity);
    for (const tensor of this.#keys) tensor.resize(capacity);
    for (const tensor of this.#values) tensor.resize(capacity);
    this.#capacity = capacity;
  }

  /**
   * Copies row `sources[i]` of a layer's new rows into slot `slots[i]`.
   * @param keys `[kvHeads, rows, headDim]`
   * @param values `[kvHeads, rows, valueDim]`
   * @throws QuickstepError `bad-shape` when an array does not have its shape, or a row or slot does not exist.
   */
  write(
    layer: number,
    keys: Float32Array,
    values: Float32Array,
    rows: number,
    sources: ArrayLike<number>,
    slots: ArrayLike<number>,
  ): void {
    const { kvHeads, headDim, valueDim } = this.shape;
    checkLength(`New keys of layer ${layer}`, keys, kvHeads * rows * headDim);
    checkLength(`New values of layer ${layer}`, values, kvHeads * rows * valueDim);
    checkLength('The slots to write', slots, sources.length);
    checkIndices('row', sources, rows);
    checkIndices('slot', slots, this.#capacity);
    this.#keys[layer].write(keys, rows, sources, slots);
    this.#values[layer].write(values, rows, sources, slots);
  }

  /** Moves the contents of slots as `SlotCache.compact` renamed them. */
  move(moves: readonly Move[]): void {
    for (const tensor of this.#keys) tensor.move(moves);
    for (const tensor of this.#values) tensor.move(moves);
  }
}

function checkLength(what: string, array: ArrayLike<number>, expected: number): void {
  if (array.length === expected) return;
  throw new QuickstepError(
    'bad-shape',
    `${what} have ${array.length} elements instead of ${expected}.`,
    'Use the cache with the program it was made for.',
  );
}

function checkIndices(what: string, indices: ArrayLike<number>, end: number): void {
  for (let i = 0; i < indices.length; i++) {
    if (Number.isSafeInteger(indices[i]) && indices[i] >= 0 && indices[i] < end) continue;
    throw new QuickstepError(
      'bad-shape',
      `There is no ${what} ${indices[i]}.`,
      `Only 0 to ${end - 1} exist.`,
    );
  }
}
