/**
 * Normalizers of tokenizer.json: what happens to text before it is split. Only those whose result is defined
 * by Unicode or by the file itself; the others (charsmaps, BERT) belong to tokenizers Quickstep does not read.
 */
import { z } from 'zod';
import { compilePattern } from './regex.ts';
import { limits, parsePart, patternSchema, type Step, stepsOf, unsupportedStep } from './schema.ts';

export type Normalizer = (text: string) => string;

const prependSchema = z.object({ prepend: z.string().max(limits.piece) });
const replaceSchema = z.object({ pattern: patternSchema, content: z.string().max(limits.piece) });

/**
 * The normalizer a file describes; null is the identity.
 * @throws QuickstepError `unsupported` for a type that is not implemented, `bad-file` for a broken one.
 */
export function createNormalizer(config: Step | null | undefined): Normalizer {
  const steps = stepsOf(config, 'normalizers', "The tokenizer's normalizer").map(normalizerStep);
  return (text) => steps.reduce((result, step) => step(result), text);
}

function normalizerStep(step: Step): Normalizer {
  switch (step.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = step.type;
      return (text) => text.normalize(form);
    }
    case 'Prepend': {
      const { prepend } = parsePart(prependSchema, step, 'The Prepend normalizer');
      return (text) => (text ? prepend + text : text);
    }
    case 'Replace': {
      const { pattern, content } = parsePart(replaceSchema, step, 'The Replace normalizer');
      const compiled = compilePattern(pattern);
      return (text) => text.replace(compiled, () => content);
    }
    default:
      throw unsupportedStep('normalizer', step.type);
  }
}
