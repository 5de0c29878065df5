/**
 * A constraint on a canvas. What may stand at a position depends on what stands before it, so each span of the canvas is
 * filled from left to right: its first open position is masked by the constraint, the next one by what was predicted
 * for the first, and so on. Whatever set of positions a commit rule asks for, the run of it is committed that begins at the
 * first open position; and behind it, for nothing, the text that the constraint leaves no choice about.
 *
 * A language is one span, the whole canvas, which an end token ends. A template has fixed text, which stands at its place from
 * the start, and a span for each of its places, of a fixed number of tokens; they fill side by side.
 */

import { QuickstepError } from '../../errors.ts';
import { utf8 } from '../../text/bytes.ts';
import { ExactLength } from '../constrained/exact-length.ts';
import { type CanvasPart, emptyLanguage } from '../constrained/language.ts';
import type { Mask } from '../constrained/masks.ts';
import { stringSet } from '../constrained/string-set.ts';
import { allows, TokenConstraint, type TokenState } from '../constrained/token-constraint.ts';
import type { Vocabulary } from '../constrained/vocabulary.ts';
import { vacant } from '../run.ts';
import type { Placement, Predictions } from './parts.ts';

/** What stands at the beginning of a span. */
interface SpanState {
  /** Tokens that may come next when `left` positions of the span are left, this one included. */
  mask(left: number): Mask;
  /** Undefined when the token ends the span, or may not come next. */
  advance(token: number): SpanState | undefined;
}

/** Positions [start, end), filled from left to right. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly first: SpanState;
}

/** What a turn of a commit rule comes to: indices of predictions, and what follows from them. */
export interface Turn {
  readonly committed: readonly number[];
  readonly forced: readonly Placement[];
}

export class CanvasConstraint {
  /** Positions of the canvas. */
  readonly length: number;
  /** What stands there before the first step. */
  readonly fixed: readonly Placement[];
  readonly #spans: readonly Span[];
  readonly #vocabulary: Vocabulary;

  /**
   * @param room Positions that there are at most.
   * @throws QuickstepError 'bad-option' when these are too few, or a place of a template cannot be filled
   */
  constructor(constraint: TokenConstraint, room: number) {
    const { vocabulary, language } = constraint;
    this.#vocabulary = vocabulary;
    const layout = language.parts && layoutOf(language.parts, vocabulary);
    if (layout) {
      checkRoom(layout.length, room, 'template');
      this.length = layout.length;
      this.fixed = layout.fixed;
      this.#spans = layout.spans;
      return;
    }
    const first = constraint.start();
    // Before it is written out, as it may be longer than any text that there is.
    checkRoom(Math.ceil(first.tokensToEnd / vocabulary.longest) + 1, room, 'shortest answer');
    const shortest = first.shortest();
    checkRoom((vocabulary.cut(shortest).length || shortest.length) + 1, room, 'shortest answer');
    this.length = room;
    this.#spans = [{ start: 0, end: room, first }];
    this.fixed = this.#certain(first, 0, room);
  }

  /** The open positions of a canvas in the order in which they may be filled. */
  walk(tokens: Int32Array): Walk {
    return new Walk(this.#spans, tokens);
  }

  /**
   * What is committed of the predictions that a rule asks for: in each span the run at its beginning, as far as the
   * constraint allows it; the first candidate in any case, if the rule asks for any.
   * @throws QuickstepError 'unsupported' when the rule has written a token that the constraint rules out
   */
  turn(asked: readonly number[], { positions, tokens, candidates }: Predictions, canvas: Int32Array): Turn {
    if (asked.length === 0) return { committed: [], forced: [] };
    const walk = this.walk(canvas);
    const run = (indices: readonly number[]) =>
      indices
        .toSorted((a, b) => positions[a] - positions[b])
        .filter((index) => walk.take(positions[index], tokens[index]));
    let committed = run(asked);
    if (committed.length === 0) committed = run(candidates.slice(0, 1));
    if (committed.length === 0) {
      const hint = 'Does the method write tokens that it did not choose from shaped logits?';
      throw new QuickstepError(
        'unsupported',
        'A token was chosen although the constraint rules it out.',
        hint,
      );
    }
    const forced = walk.ends().flatMap(({ state, position, end }) => this.#certain(state, position, end));
    return { committed, forced };
  }

  /**
   * Tokens of the text that every completion goes on with, as the tokenizer cuts it: up to the first place where a token
   * may reach beyond that text; and the end where nothing else may come.
   */
  #certain(state: SpanState, position: number, end: number): Placement[] {
    if (!isLanguage(state)) return [];
    const { endIds } = this.#vocabulary;
    const bytes = state.forced();
    const placements: Placement[] = [];
    let at: TokenState = state;
    let left = bytes.length;
    for (const token of this.#vocabulary.cut(bytes)) {
      if (position + placements.length === end || this.#reach(at.mask()) > left) return placements;
      placements.push({ position: position + placements.length, token });
      left -= this.#vocabulary.bytesOf(token)!.length;
      at = at.advance(token)!;
    }
    const isEnd = at.accepts && this.#reach(at.mask()) === 0 && position + placements.length < end;
    return isEnd ? [...placements, { position: position + placements.length, token: endIds[0] }] : placements;
  }

  /** Bytes of the longest token; 0 for end tokens. */
  #reach(mask: Mask): number {
    let longest = 0;
    for (let id = 0; id < this.#vocabulary.size; id++) {
      if (allows(mask, id)) longest = Math.max(longest, this.#vocabulary.bytesOf(id)?.length ?? 0);
    }
    return longest;
  }
}

const isLanguage = (state: SpanState): state is TokenState => 'forced' in state;

/** The next position of a span, and what may stand there; without a state behind the end of its text. */
interface Cursor {
  position: number;
  /** The first open position of the span. */
  open: number;
  readonly end: number;
  state: SpanState | undefined;
  mask: Mask | undefined;
}

function moveOver(cursor: Cursor, token: number): void {
  cursor.state = cursor.state?.advance(token);
  cursor.mask = undefined;
  cursor.position++;
}

/** A way through the open positions of each span, from left to right, along the tokens that it is told. */
export class Walk {
  readonly #cursors: readonly Cursor[];

  constructor(spans: readonly Span[], tokens: Int32Array) {
    this.#cursors = spans.map(({ start, end, first }) => {
      const cursor: Cursor = { position: start, open: start, end, state: first, mask: undefined };
      while (cursor.position < end && tokens[cursor.position] !== vacant)
        moveOver(cursor, tokens[cursor.position]);
      cursor.open = cursor.position;
      return cursor;
    });
  }

  #at(position: number): Cursor | undefined {
    const cursor = this.#cursors.find((cursor) => cursor.position === position && position < cursor.end);
    if (cursor?.state) cursor.mask ??= cursor.state.mask(cursor.end - position);
    return cursor;
  }

  /** Tokens that may stand at a position; undefined when what stands before it is not known, or has ended the text. */
  mask(position: number): Mask | undefined {
    return this.#at(position)?.mask;
  }

  /** Whether what may stand at a position depends on the token that was taken last. */
  standsOnLast(position: number): boolean {
    const cursor = this.#at(position);
    return cursor !== undefined && position > cursor.open;
  }

  /** Goes on over a token; false when it is not the next of a span, or may not stand there. */
  take(position: number, token: number): boolean {
    const cursor = this.#at(position);
    if (!cursor?.mask || !allows(cursor.mask, token)) return false;
    moveOver(cursor, token);
    return true;
  }

  /** Where it has come to in the spans that go on. */
  ends(): { state: SpanState; position: number; end: number }[] {
    return this.#cursors.flatMap(({ state, position, end }) =>
      state && position < end ? [{ state, position, end }] : [],
    );
  }
}

function checkRoom(needed: number, room: number, what: string): void {
  if (needed <= room) return;
  const hint = `Give genLength and maxTokens ${needed} or more.`;
  throw new QuickstepError(
    'bad-option',
    `The ${what} takes at least ${needed} tokens, the canvas has ${room}.`,
    hint,
  );
}

/** Fixed text and spans of a template, and an end token behind them; undefined where choices have no common length. */
function layoutOf(parts: readonly CanvasPart[], vocabulary: Vocabulary) {
  const fixed: Placement[] = [];
  const spans: Span[] = [];
  let length = 0;
  const fix = (tokens: readonly number[]) => {
    for (const token of tokens) fixed.push({ position: length++, token });
  };
  for (const part of parts) {
    if ('text' in part) {
      const tokens = vocabulary.cut(utf8(part.text));
      if (tokens.length === 0) throw emptyLanguage('The template');
      fix(tokens);
      continue;
    }
    const tokens = 'place' in part ? part.tokens : widthOf(part.choices, vocabulary);
    if (tokens === undefined) return undefined;
    const place = 'place' in part ? part.place : stringSet(part.choices);
    const language = new ExactLength(new TokenConstraint(place, vocabulary));
    if (!language.fits(tokens)) {
      const hint = 'Give it another number of tokens.';
      throw new QuickstepError(
        'bad-option',
        `A place of the template has no text of ${tokens} tokens.`,
        hint,
      );
    }
    spans.push({ start: length, end: length + tokens, first: language.start() });
    length += tokens;
  }
  fix(vocabulary.endIds.slice(0, 1));
  return { fixed, spans, length };
}

/** The fewest tokens that each of the texts can be cut into. */
function widthOf(texts: readonly string[], vocabulary: Vocabulary): number | undefined {
  const languages = texts.map((text) => new ExactLength(new TokenConstraint(stringSet([text]), vocabulary)));
  const most = Math.min(...texts.map((text) => utf8(text).length));
  return Array.from({ length: most }, (_, i) => i + 1).find((tokens) =>
    languages.every((language) => language.fits(tokens)),
  );
}
