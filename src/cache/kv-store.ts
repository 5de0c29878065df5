/**
 * The K and V tensors of all layers, owned by JavaScript and fed to the graph without a copy. Sequences that are
 * decoded side by side have a lane each: `[lanes, kvHeads, capacity, dim]`, so that one forward over several lanes
 * is one batched product and no row looks at another lane's slots.
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

/** New K/V rows as one forward returned them, one array per layer. */
export interface NewRows {
  /** Rows of each lane. */
  readonly rows: number;
  /** Lanes of the arrays, and which of them these rows are; default: one lane. */
  readonly lanes?: number;
  readonly lane?: number;
  /** The row of the lane that indices count from, where a forward has several owners; default 0. */
  readonly offset?: number;
  /** Per layer `[lanes, kvHeads, rows, headDim]`. */
  readonly keys: readonly Float32Array[];
  /** Per layer `[lanes, kvHeads, rows, valueDim]`. */
  readonly values: readonly Float32Array[];
}

export class KvStore {
  readonly shape: Required<KvShape>;
  #capacity = 0;
  #lanes = 1;
  #keys: SlotTensor[];
  #values: SlotTensor[];

  /**
   * A store of one lane and capacity 0.
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

  get lanes(): number {
    return this.#lanes;
  }

  /** Keys of a layer in `count` lanes from `lane`, `[count, kvHeads, capacity, headDim]`; valid until the layout changes. */
  key(layer: number, lane = 0, count = 1): Float32Array {
    const { kvHeads } = this.shape;
    return this.#keys[layer].view(lane * kvHeads, count * kvHeads);
  }

  /** Values, like `key`, `[count, kvHeads, capacity, valueDim]`. */
  value(layer: number, lane = 0, count = 1): Float32Array {
    const { kvHeads } = this.shape;
    return this.#values[layer].view(lane * kvHeads, count * kvHeads);
  }

  /**
   * Adds empty lanes at the end, or drops the last ones. All or nothing.
   * @throws QuickstepError `out-of-memory`, and then the store is as it was.
   */
  setLanes(lanes: number): void {
    const heads = lanes * this.shape.kvHeads;
    const tensors = [...this.#keys, ...this.#values];
    for (const tensor of tensors) tensor.reserve(this.#capacity, heads);
    for (const tensor of tensors) tensor.setHeads(heads);
    this.#lanes = lanes;
  }

  /** Copies lane `from` over lane `to`. */
  copyLane(from: number, to: number): void {
    const { kvHeads } = this.shape;
    for (const tensor of [...this.#keys, ...this.#values])
      tensor.copyHeads(from * kvHeads, to * kvHeads, kvHeads);
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
   * Copies row `sources[i]` of all layers' new rows into slot `slots[i]` of a lane. `offset` plays no part.
   * @throws QuickstepError `bad-shape` when an array does not have its shape, or a row or slot does not exist.
   */
  write(newRows: NewRows, sources: ArrayLike<number>, slots: ArrayLike<number>, lane = 0): void {
    const { layers, kvHeads, headDim, valueDim } = this.shape;
    const { rows, lanes = 1, lane: from = 0, keys, values } = newRows;
    if (keys.length !== layers || values.length !== layers) {
      throw new QuickstepError(
        'bad-shape',
        `A forward returned the K/V of ${keys.length} layers to a cache of ${layers}.`,
        'Use the cache with the program it was made for.',
      );
    }
    checkLength('The slots to write', slots, sources.length);
    checkIndices('row', sources, rows);
    checkIndices('slot', slots, this.#capacity);
    checkIndices('lane of new rows', [from], lanes);
    for (let layer = 0; layer < layers; layer++) {
      checkLength(`New keys of layer ${layer}`, keys[layer], lanes * kvHeads * rows * headDim);
      checkLength(`New values of layer ${layer}`, values[layer], lanes * kvHeads * rows * valueDim);
    }
    const place = { from: from * kvHeads, to: lane * kvHeads, heads: kvHeads };
    for (let layer = 0; layer < layers; layer++) {
      this.#keys[layer].write(keys[layer], rows, sources, slots, place);
      this.#values[layer].write(values[layer], rows, sources, slots, place);
    }
  }

  /** Moves the contents of slots as `SlotCache.compact` renamed them. */
  move(moves: readonly Move[], lane = 0): void {
    const { kvHeads } = this.shape;
    for (const tensor of [...this.#keys, ...this.#values]) tensor.move(moves, lane * kvHeads, kvHeads);
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
