/**
 * 16-bit floating point: IEEE 754 binary16 (float16) and bfloat16, to and from float32. Decoding is exact;
 * encoding rounds to nearest, ties to even, overflows to infinity and keeps NaN.
 */

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

let table: Float32Array | undefined;

/** Float32 value of every float16 bit pattern, `[65536]`; built once, on first use. Do not write to it. */
export function halfTable(): Float32Array {
  table ??= buildTable();
  return table;
}

function buildTable(): Float32Array {
  const values = new Float32Array(65536);
  const bits = new Uint32Array(values.buffer);
  for (let half = 0; half < 65536; half++) {
    const exponent = (half >>> 10) & 31;
    const fraction = half & 1023;
    const sign = ((half & 0x8000) << 16) >>> 0;
    if (exponent === 0) {
      values[half] = fraction * 2 ** -24 * (sign ? -1 : 1);
    } else {
      // Rebias the exponent from 15 to 127; all ones (infinity, NaN) stays all ones.
      bits[half] = sign + (exponent === 31 ? 0x7f800000 : (exponent + 112) << 23) + (fraction << 13);
    }
  }
  return values;
}

/** The number a float16 bit pattern (0..65535) stands for. */
export function halfToFloat(half: number): number {
  return halfTable()[half];
}

/** Float16 bit pattern of `value` after rounding it to float32. */
export function floatToHalf(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0];
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 0x477ff000 is 65520, halfway between the largest float16 and the next power of two.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    const steps = Math.abs(scratch[0]) * 2 ** 24;
    const floor = Math.floor(steps);
    const rest = steps - floor;
    return sign | (floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0));
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** The number a bfloat16 bit pattern (0..65535) stands for. */
export function bfloatToFloat(bfloat: number): number {
  scratchBits[0] = bfloat << 16;
  return scratch[0];
}

/** Bfloat16 bit pattern of `value` after rounding it to float32. */
export function floatToBfloat(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0];
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
