/** Drives languages by text. Test support. */

import { utf8 } from '../../../text/bytes.ts';
import { anyCodePoint, type CodePoints } from '../automaton/code-points.ts';
import type { ByteState, Language } from '../language.ts';

/** The state behind a text; undefined when nothing in the language begins so. */
export const follow = (start: ByteState | undefined, text: string): ByteState | undefined =>
  utf8(text).reduce<ByteState | undefined>((state, byte) => state?.next(byte), start);

/** Whether texts belong to a language. */
export function matcher(language: Language, alphabet: CodePoints = anyCodePoint): (text: string) => boolean {
  const start = language.compile(alphabet);
  return (text) => follow(start, text)?.accepts === true;
}
