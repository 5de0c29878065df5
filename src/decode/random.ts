/**
 * Random numbers addressed by what they are for, never by call order: the same (seed, stream, step, position)
 * gives the same number in a batched, speculative, resumed or plain run.
 * Generator: Philox4x32-10, a counter-based generator (Salmon, Moraes, Dror, Shaw, "Parallel random numbers:
 * as easy as 1, 2, 3", SC 2011). The 64-bit key is the seed; the 128-bit counter is (block, position, step, stream).
 * Every function reads the same words at the same key, so two draws at one key are dependent:
 * give each purpose its own stream.
 */

/** The address of a random number. `stream`, `step` and `position` are integers in [0, 2^32). */
export type RandomKey = {
  /** Any safe integer or bigint; taken modulo 2^64. */
  seed: number | bigint;
  /** What the number is for, e.g. one of `randomStreams`. */
  stream: number;
  /**
   * How often this position was decided before: 0 where each position is decided once (left to right),
   * the denoising step where positions are revisited. Not the count of forwards, which a faster method changes.
   */
  step: number;
  /** Index of the token in its sequence. */
  position: number;
};

/** Streams of the built-in draws. Methods that draw for another purpose take numbers from 16 up. */
export const randomStreams = { sample: 0, draft: 1, accept: 2, residual: 3, order: 4, noise: 5 } as const;

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return aHigh * bHigh + (middle >>> 16) + (carry >>> 16);
}

/**
 * The Philox4x32-10 bijection.
 * @param counter four unsigned 32-bit words, least significant first
 * @param key two unsigned 32-bit words
 * @param out receives the four random words; may not be `counter`
 */
export function philox4x32(counter: Uint32Array, key: Uint32Array, out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

const counterWords = new Uint32Array(4);
const keyWords = new Uint32Array(2);
const words = new Uint32Array(4);

function setKey(key: RandomKey): void {
  const { seed, stream, step, position } = key;
  if (stream >>> 0 !== stream || step >>> 0 !== step || position >>> 0 !== position) {
    throw new Error(`random key out of range: stream ${stream}, step ${step}, position ${position}`);
  }
  if (typeof seed === 'bigint') {
    keyWords[0] = Number(BigInt.asUintN(32, seed));
    keyWords[1] = Number(BigInt.asUintN(32, seed >> 32n));
  } else {
    if (!Number.isSafeInteger(seed)) throw new Error(`random seed is not a safe integer: ${seed}`);
    keyWords[0] = seed >>> 0;
    keyWords[1] = Math.floor(seed / 2 ** 32) >>> 0;
  }
  counterWords[1] = position;
  counterWords[2] = step;
  counterWords[3] = stream;
}

function draw(block: number): void {
  counterWords[0] = block;
  philox4x32(counterWords, keyWords, words);
}

/** 53 random bits from two words, in [0, 1). */
function fraction(high: number, low: number): number {
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) * 2 ** -53;
}

/** 52 random bits centred in their cell, in (0, 1): the half needs the 53rd bit of the mantissa. */
function openFraction(high: number, low: number): number {
  return ((high >>> 6) * 2 ** 26 + (low >>> 6) + 0.5) * 2 ** -52;
}

/** A uniform number in [0, 1) with 53 random bits. */
export function uniform(key: RandomKey): number {
  setKey(key);
  draw(0);
  return fraction(words[0], words[1]);
}

/** A uniform number in (0, 1) with 52 random bits: its logarithm is finite. */
export function uniformOpen(key: RandomKey): number {
  setKey(key);
  draw(0);
  return openFraction(words[0], words[1]);
}

/** A standard Gumbel number, -log(-log u). */
export function gumbel(key: RandomKey): number {
  return -Math.log(-Math.log(uniformOpen(key)));
}

/** Fills `out` with standard Gumbel numbers, two per counter block; `out[0]` equals `gumbel(key)`. */
export function fillGumbel(key: RandomKey, out: Float64Array): void {
  setKey(key);
  for (let index = 0; index < out.length; index += 2) {
    draw(index / 2);
    out[index] = -Math.log(-Math.log(openFraction(words[0], words[1])));
    if (index + 1 < out.length) out[index + 1] = -Math.log(-Math.log(openFraction(words[2], words[3])));
  }
}

/** A standard normal number (Box and Muller 1958, the cosine branch). */
export function normal(key: RandomKey): number {
  setKey(key);
  draw(0);
  const radius = Math.sqrt(-2 * Math.log(openFraction(words[0], words[1])));
  return radius * Math.cos(2 * Math.PI * fraction(words[2], words[3]));
}

/** Fills `out` with uniform numbers in [0, 1), two per counter block; `out[0]` equals `uniform(key)`. */
export function fillUniform(key: RandomKey, out: Float64Array): void {
  setKey(key);
  for (let index = 0; index < out.length; index += 2) {
    draw(index / 2);
    out[index] = fraction(words[0], words[1]);
    if (index + 1 < out.length) out[index + 1] = fraction(words[2], words[3]);
  }
}

/** Fills `out` with random bytes, sixteen per counter block. */
export function fillBytes(key: RandomKey, out: Uint8Array): void {
  setKey(key);
  for (let index = 0; index < out.length; index += 16) {
    draw(index / 16);
    for (let i = 0; i < 16 && index + i < out.length; i++) out[index + i] = words[i >>> 2] >>> (8 * (i & 3));
  }
}
