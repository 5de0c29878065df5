/**
 * Pre-tokenizers of tokenizer.json: they cut normalized text into the words that BPE encodes one by one.
 * Behaviours are those of Hugging Face `tokenizers`; where its JavaScript port differs (digits beyond ASCII,
 * U+0085 and U+FEFF as spaces, Metaspace's splitting) this file follows the original.
 */
import { z } from 'zod';
import { toByteAlphabet } from './bytes.ts';
import { compilePattern } from './regex.ts';
import { limits, parsePart, patternSchema, type Step, stepsOf, unsupportedStep } from './schema.ts';

/** Cuts `text` into words; `first` says that it begins the whole input. */
export type PreTokenizer = (text: string, first: boolean) => string[];

const behaviors = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
/** What becomes of the matches of a pattern: dropped, words of their own, or joined to a neighbour. */
export type SplitBehavior = (typeof behaviors)[number];

/** GPT-2's word pattern (Radford et al. 2019). */
const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const byteLevelSchema = z.object({
  add_prefix_space: z.boolean().default(false),
  use_regex: z.boolean().default(true),
});
const digitsSchema = z.object({ individual_digits: z.boolean().default(false) });
const splitSchema = z.object({
  pattern: patternSchema,
  behavior: z.enum(behaviors),
  invert: z.boolean().default(false),
});
const metaspaceSchema = z.object({
  replacement: z.string().max(limits.piece).min(1).default('\u2581'),
  prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
  add_prefix_space: z.boolean().default(true),
  split: z.boolean().default(true),
});
const punctuationSchema = z.object({ behavior: z.enum(behaviors).default('Isolated') });

/**
 * The pre-tokenizer a file describes; null leaves the text in one piece.
 * @throws QuickstepError `unsupported` for a type that is not implemented, `bad-file` for a broken one.
 */
export function createPreTokenizer(config: Step | null | undefined): PreTokenizer {
  const steps = stepsOf(config, 'pretokenizers', "The tokenizer's pre-tokenizer").map(preTokenizerStep);
  return (text, first) => {
    let words = [text];
    for (const step of steps) words = words.flatMap((word, index) => step(word, first && index === 0));
    return words;
  };
}

function preTokenizerStep(step: Step): PreTokenizer {
  switch (step.type) {
    case 'ByteLevel':
      return byteLevel(step);
    case 'Metaspace':
      return metaspace(step);
    case 'Digits': {
      const { individual_digits } = parsePart(digitsSchema, step, 'The Digits pre-tokenizer');
      return splitter(/\p{N}/gu, individual_digits ? 'Isolated' : 'Contiguous', false);
    }
    case 'Punctuation': {
      const { behavior } = parsePart(punctuationSchema, step, 'The Punctuation pre-tokenizer');
      return splitter(/[\p{P}!-/:-@[-`{-~]/gu, behavior, false);
    }
    case 'Split': {
      const { pattern, behavior, invert } = parsePart(splitSchema, step, 'The Split pre-tokenizer');
      return splitter(compilePattern(pattern), behavior, invert);
    }
    default:
      throw unsupportedStep('pre-tokenizer', step.type);
  }
}

function byteLevel(step: Step): PreTokenizer {
  const options = parsePart(byteLevelSchema, step, 'The ByteLevel pre-tokenizer');
  const words = options.use_regex
    ? splitter(compilePattern({ Regex: gpt2Words }), 'Isolated', false)
    : undefined;
  return (text, first) => {
    const spaced = options.add_prefix_space && !text.startsWith(' ') ? ` ${text}` : text;
    return (words ? words(spaced, first) : [spaced]).map(toByteAlphabet);
  };
}

function metaspace(step: Step): PreTokenizer {
  const options = parsePart(metaspaceSchema, step, 'The Metaspace pre-tokenizer');
  const { replacement } = options;
  const scheme = options.prepend_scheme ?? (options.add_prefix_space ? 'always' : 'never');
  const words = options.split
    ? splitter(compilePattern({ String: replacement }), 'MergedWithNext', false)
    : undefined;
  return (text, first) => {
    let marked = text.replaceAll(' ', () => replacement);
    const prepend = scheme === 'always' || (scheme === 'first' && first);
    if (prepend && !marked.startsWith(replacement)) marked = replacement + marked;
    return words ? words(marked, first) : [marked];
  };
}

interface Span {
  start: number;
  end: number;
  readonly match: boolean;
}

function splitter(pattern: RegExp, behavior: SplitBehavior, invert: boolean): PreTokenizer {
  return (text) =>
    join(spansOf(text, pattern, invert), behavior)
      .filter(({ start, end }) => start < end)
      .map(({ start, end }) => text.slice(start, end));
}

/** The matches of `pattern` and the gaps between them, in order; `invert` swaps the two roles. */
function spansOf(text: string, pattern: RegExp, invert: boolean): Span[] {
  const spans: Span[] = [];
  let done = 0;
  for (const { index, 0: found } of text.matchAll(pattern)) {
    if (done < index) spans.push({ start: done, end: index, match: invert });
    done = index + found.length;
    spans.push({ start: index, end: done, match: !invert });
  }
  if (done < text.length) spans.push({ start: done, end: text.length, match: invert });
  return spans;
}

function join(spans: Span[], behavior: SplitBehavior): Span[] {
  switch (behavior) {
    case 'Isolated':
      return spans;
    case 'Removed':
      return spans.filter(({ match }) => !match);
    case 'Contiguous':
      return fold(spans, (last, span) => last.match === span.match);
    case 'MergedWithPrevious':
      return fold(spans, (last, span) => span.match && !last.match);
    case 'MergedWithNext':
      return fold(spans.toReversed(), (last, span) => span.match && !last.match).reverse();
  }
}

/** Joins each span to the one before it when `joins` says so of the two as they were found. */
function fold(spans: Span[], joins: (last: Span, span: Span) => boolean): Span[] {
  const joined: Span[] = [];
  let last: Span | undefined;
  for (const span of spans) {
    const target = joined.at(-1);
    if (target && last && joins(last, span)) {
      target.start = Math.min(target.start, span.start);
      target.end = Math.max(target.end, span.end);
    } else {
      joined.push({ ...span });
    }
    last = span;
  }
  return joined;
}
