/**
 * Languages over bytes, as decoding sees them: what a front end (string sets, regular expressions, grammars, JSON
 * Schema) makes, and what `token-constraint.ts` lifts to tokens. States are immutable, so that beams, draft trees and
 * repeated runs fork for free.
 */

import { QuickstepError } from '../../errors.ts';
import type { CodePoints } from './automaton/code-points.ts';

/** A beginning of a text of the language. Every state has a completion: no dead ends. */
export interface ByteState {
  /** Equal keys, equal futures, within one compiled language. */
  readonly key: number;
  /** Whether the text so far belongs to the language. */
  readonly accepts: boolean;
  /** Fewest bytes that complete the text; 0 when it is complete. */
  readonly shortest: number;
  /** The state after one more byte; undefined when no text of the language goes on so. */
  next(byte: number): ByteState | undefined;
  /**
   * A state that allows the same bytes for the next `bytes` ones and needs as many to an end. Languages that count answer
   * with one state for all counts that so few bytes do not use up.
   */
  within?(bytes: number): ByteState;
  /**
   * The state of what a text goes on with first, such as the rest of a string, whatever follows that: it allows what this one
   * does up to where it accepts, and there this one needs `shortest` bytes less than it. Many states have the same one.
   */
  first?(): ByteState | undefined;
}

/** Fixed text; a place that takes so many tokens; or texts to choose from, of as many tokens as each can be cut into. */
export type CanvasPart =
  | { readonly text: string }
  | { readonly place: Language; readonly tokens: number }
  | { readonly choices: readonly string[] };

/** A set of texts, ready to be compiled for a vocabulary. */
export interface Language {
  /**
   * How texts are laid out on a canvas, fixed text at its place from the start. Without it, or where no number of tokens holds
   * all choices, a canvas is filled from left to right.
   */
  readonly parts?: readonly CanvasPart[];
  /**
   * The state of the empty text.
   * @param alphabet Characters that the vocabulary can write, see `Vocabulary.characters`.
   * @throws QuickstepError 'bad-option' when the language has no text of these characters, or is too complex
   */
  compile(alphabet: CodePoints): ByteState;
}

/** The error for a language without texts; thrown before the first token. */
export function emptyLanguage(what: string): QuickstepError {
  return new QuickstepError(
    'bad-option',
    `${what} matches no text.`,
    'Loosen it: no answer could satisfy it, or the vocabulary of the model cannot write one.',
  );
}
