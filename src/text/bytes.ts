/**
 * The byte alphabet of byte-level BPE: GPT-2 writes each byte as one printable character, so that a
 * vocabulary of strings can stand for arbitrary bytes. Printable Latin-1 bytes keep their own character; the
 * other 68 take U+0100 onwards in byte order (Radford et al. 2019, `bytes_to_unicode`).
 */

const encoder = new TextEncoder();

function printable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

/** byte → character, 256 entries. */
const characters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();

const byteOf: ReadonlyMap<string, number> = new Map(characters.map((character, byte) => [character, byte]));

/** UTF-8 bytes of `text`; lone surrogates become U+FFFD. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** The order of byte strings; a beginning comes before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

/** The bytes of `text` written in the byte alphabet. */
export function toByteAlphabet(text: string): string {
  let out = '';
  for (const byte of encoder.encode(text)) out += characters[byte];
  return out;
}

/** The bytes a piece of the byte alphabet stands for; undefined when it holds a character outside it. */
export function fromByteAlphabet(piece: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = new Uint8Array(piece.length);
  for (let i = 0; i < piece.length; i++) {
    const byte = byteOf.get(piece[i]);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

/** Replaces lone surrogates, which no UTF-8 text can hold, with U+FFFD. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}
