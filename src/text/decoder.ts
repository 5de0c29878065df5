/**
 * Decoders of tokenizer.json, reduced to what they are for the tokenizers Quickstep reads: a map from each
 * vocabulary entry to bytes, plus whether the text as a whole loses one leading space. Bytes of tokens
 * concatenate, which is what streaming and constrained decoding need.
 */
import { z } from 'zod';
import { QuickstepError } from '../errors.ts';
import { fromByteAlphabet, utf8 } from './bytes.ts';
import { compilePattern } from './regex.ts';
import { limits, parsePart, patternSchema, type Step, stepsOf, unsupportedStep } from './schema.ts';

export interface TokenDecoder {
  /** The bytes a vocabulary entry (not an added token) stands for. */
  bytesOf(piece: string): Uint8Array<ArrayBuffer>;
  /** A space at the very start of decoded text was put there by the encoder. */
  readonly dropsLeadingSpace: boolean;
}

const replaceSchema = z.object({ pattern: patternSchema, content: z.string().max(limits.piece) });
const stripSchema = z.object({ content: z.literal(' '), start: z.int(), stop: z.int() });
const metaspaceSchema = z.object({
  replacement: z.string().max(limits.piece).min(1).default('\u2581'),
  prepend_scheme: z.enum(['always', 'first', 'never']).optional(),
  add_prefix_space: z.boolean().default(true),
});

/**
 * The decoder a file describes.
 * @throws QuickstepError `unsupported` for a type or a combination that does not reduce to bytes per token,
 * `bad-file` for a broken one.
 */
export function createTokenDecoder(config: Step | null | undefined): TokenDecoder {
  const rewrites: ((piece: string) => string)[] = [];
  let byteLevel = false;
  let byteFallback = false;
  let dropsLeadingSpace = false;
  for (const step of stepsOf(config, 'decoders', "The tokenizer's decoder")) {
    switch (step.type) {
      case 'ByteLevel':
        byteLevel = true;
        break;
      case 'ByteFallback':
        byteFallback = true;
        break;
      case 'Fuse':
        break;
      case 'Replace': {
        const { pattern, content } = parsePart(replaceSchema, step, 'The Replace decoder');
        const compiled = compilePattern(pattern);
        rewrites.push((piece) => piece.replace(compiled, () => content));
        break;
      }
      case 'Strip': {
        const { start, stop } = parsePart(stripSchema, step, 'The Strip decoder');
        if (start > 1 || stop !== 0) throw unsupportedStep('decoder', 'Strip of more than one leading space');
        dropsLeadingSpace = start === 1;
        break;
      }
      case 'Metaspace': {
        const options = parsePart(metaspaceSchema, step, 'The Metaspace decoder');
        rewrites.push((piece) => piece.replaceAll(options.replacement, ' '));
        dropsLeadingSpace = options.prepend_scheme
          ? options.prepend_scheme !== 'never'
          : options.add_prefix_space;
        break;
      }
      default:
        throw unsupportedStep('decoder', step.type);
    }
  }
  if (!byteLevel && rewrites.length === 0) {
    throw new QuickstepError(
      'unsupported',
      'The tokenizer has no decoder that turns its pieces into text.',
      'Use the tokenizer.json published with the model.',
    );
  }
  return {
    dropsLeadingSpace,
    bytesOf(piece) {
      const byte = byteFallback ? /^<0x([0-9A-Fa-f]{2})>$/.exec(piece) : null;
      if (byte) return Uint8Array.of(Number.parseInt(byte[1], 16));
      const text = rewrites.reduce((result, rewrite) => rewrite(result), piece);
      return (byteLevel ? fromByteAlphabet(text) : undefined) ?? utf8(text);
    },
  };
}
