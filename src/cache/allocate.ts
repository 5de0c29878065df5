/**
 * Allocation of large float arrays with a typed failure: JavaScript reports both "too long" and "no memory" as a
 * bare RangeError, which says neither what was being allocated nor what a user can change.
 */

import { QuickstepError } from '../errors.ts';

/**
 * A zeroed array of `length` floats for `purpose`.
 * @throws QuickstepError `out-of-memory` with `hint` when the platform refuses.
 */
export function allocateFloats(length: number, purpose: string, hint: string): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length);
  } catch (cause) {
    const mebibytes = Math.ceil((length * 4) / 2 ** 20);
    throw new QuickstepError('out-of-memory', `Cannot allocate ${mebibytes} MiB for ${purpose}.`, hint, {
      cause,
    });
  }
}
