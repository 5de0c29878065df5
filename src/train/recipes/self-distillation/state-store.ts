/**
 * Hidden states of answers, in 16 bits, on disk: a slot of equal size for each answer, so that any can be read, and a
 * batch that was interrupted is simply written again.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { floatToHalf, halfTable } from '../../../weights/half.ts';
import { writeError } from '../../../weights/replace-file.ts';

export interface StateShape {
  /** Most rows of an answer. */
  rows: number;
  /** Size of a state. */
  hiddenSize: number;
}

export class StateStore implements AsyncDisposable {
  readonly shape: StateShape;
  readonly #file: FileHandle | undefined;
  readonly #path: string;
  /** Slots of a store without a file. */
  readonly #slots = new Map<number, Uint16Array>();

  private constructor(shape: StateShape, path: string, file?: FileHandle) {
    this.shape = shape;
    this.#path = path;
    this.#file = file;
  }

  /** @param path Where the states are kept; without a path in memory. */
  static async open(shape: StateShape, path?: string): Promise<StateStore> {
    if (path === undefined) return new StateStore(shape, '');
    const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return open(path, 'w+');
      throw error;
    });
    return new StateStore(shape, path, file);
  }

  /** Whether nothing was ever written. */
  async isEmpty(): Promise<boolean> {
    return this.#file ? (await this.#file.stat()).size === 0 : this.#slots.size === 0;
  }

  get #slotBytes(): number {
    return this.shape.rows * this.shape.hiddenSize * Uint16Array.BYTES_PER_ELEMENT;
  }

  /** @param states [rows, hidden] @throws QuickstepError 'no-space' when the disk is full. */
  async write(slot: number, states: Float32Array): Promise<void> {
    const halves = Uint16Array.from(states, floatToHalf);
    if (!this.#file) this.#slots.set(slot, halves);
    else
      await this.#file
        .write(new Uint8Array(halves.buffer), 0, halves.byteLength, slot * this.#slotBytes)
        .catch((error) => {
          throw writeError(error, this.#path);
        });
  }

  /** The first `rows` rows of a slot as they lie on disk: [rows, hidden] in 16 bits, see `widened`. */
  async read(slot: number, rows: number): Promise<Uint16Array> {
    const halves = new Uint16Array(rows * this.shape.hiddenSize);
    if (this.#file)
      await this.#file.read(new Uint8Array(halves.buffer), 0, halves.byteLength, slot * this.#slotBytes);
    else halves.set(this.#slots.get(slot)!.subarray(0, halves.length));
    return halves;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.close();
  }
}

/** 16-bit floats in 32 bits. */
export function widened(halves: Uint16Array): Float32Array {
  const table = halfTable();
  return Float32Array.from(halves, (half) => table[half]);
}
