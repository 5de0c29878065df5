/**
 * A forward reader over the head of a GGUF file (metadata and tensor table) through a window of bounded size.
 * `need` makes the next bytes readable or throws `bad-file`; the getters then advance without waiting.
 */

import { QuickstepError } from '../errors.ts';
import type { CheckpointFile } from './checkpoint-file.ts';

const WINDOW_BYTES = 1024 * 1024;
/** Metadata and tensor table together; real ones stay under 40 MiB. */
const MAX_HEADER_BYTES = 128 * 1024 * 1024;
const MAX_STRING_BYTES = 16 * 1024 * 1024;

/** Sequential little-endian reads with every length checked against the bytes left. */
export class GgufCursor {
  readonly #file: CheckpointFile;
  readonly #end: number;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #position = 0;

  constructor(file: CheckpointFile) {
    this.#file = file;
    this.#end = Math.min(file.size, MAX_HEADER_BYTES);
  }

  get path(): string {
    return this.#file.path;
  }

  /** Offset in the file of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** Bytes from here to the end of the file or the header limit, whichever comes first. */
  get remaining(): number {
    return this.#end - this.#position;
  }

  /** A `bad-file` error about this file, to be thrown. */
  bad(reason: string): QuickstepError {
    return new QuickstepError(
      'bad-file',
      `"${this.path}" is not a valid GGUF file: ${reason}.`,
      'Fetch it again.',
    );
  }

  /** Makes the next `bytes` readable without waiting. `what` names them in the error. */
  async need(bytes: number, what: string): Promise<void> {
    if (this.#buffered >= bytes) return;
    if (bytes > this.remaining) throw this.bad(`it ends inside ${what} (byte ${this.#position})`);
    const length = Math.min(this.remaining, Math.max(bytes, WINDOW_BYTES));
    this.#window = await this.#file.bytes(this.#position, length);
    this.#windowStart = this.#position;
  }

  /** A view of the next `bytes`, which `need` has made readable; advances past them. */
  view(bytes: number): DataView {
    const at = this.#position - this.#windowStart;
    if (this.#buffered < bytes) throw new Error(`GgufCursor.view(${bytes}) without need()`);
    this.#position += bytes;
    return new DataView(this.#window.buffer, this.#window.byteOffset + at, bytes);
  }

  async uint32(what: string): Promise<number> {
    await this.need(4, what);
    return this.view(4).getUint32(0, true);
  }

  /** A 64-bit unsigned integer that a double holds exactly. */
  async uint64(what: string): Promise<number> {
    await this.need(8, what);
    const value = this.view(8).getBigUint64(0, true);
    if (value > Number.MAX_SAFE_INTEGER) throw this.bad(`${what} is ${value}, which cannot be right`);
    return Number(value);
  }

  /** A 64-bit count of at most `limit`. */
  async count(limit: number, what: string): Promise<number> {
    const value = await this.uint64(`the number of ${what}`);
    if (value > limit) throw this.bad(`it claims ${value} ${what}, at most ${limit} are read`);
    return value;
  }

  /** A length-prefixed UTF-8 string of at most `limit` bytes; invalid UTF-8 becomes U+FFFD. */
  async string(limit: number, what: string): Promise<string> {
    const length = await this.uint64(`the length of ${what}`);
    const most = Math.min(limit, MAX_STRING_BYTES);
    if (length > most) throw this.bad(`${what} is ${length} bytes long, at most ${most} are read`);
    await this.need(length, what);
    const view = this.view(length);
    return Buffer.from(view.buffer, view.byteOffset, length).toString('utf8');
  }

  /** The next string when the window holds all of it, else undefined and no step forward; never waits. */
  bufferedString(): string | undefined {
    if (this.#buffered < 8) return undefined;
    const at = this.#position - this.#windowStart;
    const { buffer, byteOffset } = this.#window;
    const length = new DataView(buffer, byteOffset + at, 8).getBigUint64(0, true);
    if (length > this.#buffered - 8) return undefined;
    this.#position += 8 + Number(length);
    return Buffer.from(buffer, byteOffset + at + 8, Number(length)).toString('utf8');
  }

  get #buffered(): number {
    return this.#windowStart + this.#window.length - this.#position;
  }
}
