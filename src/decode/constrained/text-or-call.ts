/**
 * Free text, in which a marker may come up; behind it stands a text of another language and a closing marker, which ends the
 * whole. What the model wants to say is its own choice, token by token, and the constraint begins to rule where it calls.
 */

import { utf8 } from '../../text/bytes.ts';
import { isWritable } from './automaton/code-points.ts';
import type { ByteState, Language } from './language.ts';

const lineEnd = 0x0a;

/** How many bytes of the marker a text ends with after one more byte (Knuth, Morris and Pratt). */
function automatonOf(marker: Uint8Array): (matched: number, byte: number) => number {
  const longest = (text: readonly number[]): number => {
    for (let length = Math.min(text.length, marker.length); length > 0; length--) {
      if (text.slice(-length).every((byte, i) => byte === marker[i])) return length;
    }
    return 0;
  };
  const steps = Array.from(marker, (_, matched) => {
    const seen = [...marker.subarray(0, matched)];
    return Array.from({ length: 256 }, (_, byte) => longest([...seen, byte]));
  });
  return (matched, byte) => steps[matched][byte];
}

/**
 * @param markers What stands before and behind a text of `inner`; a line end may stand between.
 * @throws QuickstepError on compiling as `inner`
 */
export function textOrCall([open, close]: readonly [string, string], inner: Language): Language {
  const [opening, closing] = [utf8(open), utf8(close)];
  const step = automatonOf(opening);
  return {
    compile(alphabet) {
      const start = inner.compile(alphabet);
      // Free text has a state for each beginning of the marker, the closing one as well, and the inner text the rest.
      const firstInner = opening.length + closing.length + 2;

      const ending = (written: number): ByteState => ({
        key: opening.length + written,
        accepts: written === closing.length,
        shortest: closing.length - written,
        next: (byte) => (byte === closing[written] ? ending(written + 1) : undefined),
      });
      const inside = (state: ByteState): ByteState => ({
        key: firstInner + state.key,
        accepts: false,
        shortest: state.shortest + closing.length,
        next(byte) {
          const next = state.next(byte);
          if (next) return inside(next);
          if (!state.accepts) return undefined;
          return byte === lineEnd ? ending(0) : ending(0).next(byte);
        },
        ...(state.within && { within: (bytes: number) => inside(state.within!(bytes)) }),
      });
      const called: ByteState = {
        ...inside(start),
        key: firstInner - 1,
        next: (byte) => (byte === lineEnd ? inside(start) : inside(start).next(byte)),
        within: undefined,
      };
      const free: ByteState[] = Array.from(opening, (_, matched) => ({
        key: matched,
        accepts: true,
        shortest: 0,
        next(byte) {
          const length = step(matched, byte);
          if (length < opening.length) return free[length];
          // A call that could not be closed is not begun.
          return isWritable(open + close, alphabet) ? called : undefined;
        },
      }));
      return free[0];
    },
  };
}
