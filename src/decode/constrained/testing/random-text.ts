/** Texts of a language at random, as a model of random logits would decode them. Test support. */

import { uniform } from '../../random.ts';
import type { ByteState } from '../language.ts';
import { allows, type TokenConstraint } from '../token-constraint.ts';

/**
 * A text decoded with all allowed tokens equally likely.
 * @param limit Most tokens; the constraint finds its end within them.
 */
export function randomAnswer(constraint: TokenConstraint, seed: number, limit: number): string {
  const bytes: number[] = [];
  let state = constraint.start();
  for (let step = 0; ; step++) {
    const mask = state.mask(limit - step);
    const ids = Array.from({ length: constraint.vocabulary.size }, (_, id) => id).filter((id) =>
      allows(mask, id),
    );
    if (ids.length === 0) throw new Error('a dead end');
    const token = ids[Math.floor(uniform({ seed, stream: 9, step, position: 0 }) * ids.length)];
    const next = state.advance(token);
    if (!next) return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
    bytes.push(...constraint.vocabulary.bytesOf(token)!);
    state = next;
  }
}

/** A text of a language, each byte that goes on equally likely; the shortest way to an end after `length` bytes. */
export function randomText(start: ByteState, seed: number, length: number): string {
  const bytes: number[] = [];
  let state = start;
  for (let step = 0; ; step++) {
    const nexts: { byte: number; next: ByteState }[] = [];
    for (let byte = 0; byte < 256; byte++) {
      const next = state.next(byte);
      if (next && (step < length || next.shortest < state.shortest)) nexts.push({ byte, next });
    }
    const draw = uniform({ seed, stream: 9, step, position: 0 });
    if (state.accepts && (step >= length || nexts.length === 0 || draw < 0.2)) break;
    const { byte, next } = nexts[Math.floor(uniform({ seed, stream: 10, step, position: 0 }) * nexts.length)];
    bytes.push(byte);
    state = next;
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
}
