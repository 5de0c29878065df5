/**
 * Patterns of tokenizer files. They are written for Oniguruma, whose `\s`, `\w`, inline flags and possessive
 * quantifiers differ from JavaScript's; the translation is @huggingface/tokenizers'. Files are untrusted:
 * patterns are bounded in length and only ever compiled, never evaluated.
 */
import { SplitPreTokenizer } from '@huggingface/tokenizers';
import { QuickstepError } from '../errors.ts';
import { limits, type Pattern } from './schema.ts';

declare module '@huggingface/tokenizers' {
  /** Exported by the package, but its type declarations do not resolve from an ES module. */
  class SplitPreTokenizer {
    readonly pattern: RegExp | null;
    constructor(config: { type: 'Split'; pattern: Pattern; behavior: string; invert: boolean });
  }
}

/**
 * Compiles a file's pattern to a global, Unicode-aware RegExp.
 * @throws QuickstepError `bad-file` when it is too long or does not compile.
 */
export function compilePattern(pattern: Pattern): RegExp {
  const source = 'String' in pattern ? pattern.String : pattern.Regex;
  if (source.length > limits.pattern) {
    throw new QuickstepError(
      'bad-file',
      `The tokenizer holds a pattern of ${source.length} characters; the limit is ${limits.pattern}.`,
      'Use the tokenizer.json published with the model.',
    );
  }
  try {
    const { pattern: compiled } = new SplitPreTokenizer({
      type: 'Split',
      pattern,
      behavior: 'Isolated',
      invert: true,
    });
    if (compiled) return withLongS(compiled);
  } catch (cause) {
    throw badPattern(source, cause);
  }
  throw badPattern(source, undefined);
}

function badPattern(source: string, cause: unknown): QuickstepError {
  return new QuickstepError(
    'bad-file',
    `The tokenizer's pattern ${JSON.stringify(source.slice(0, 80))} does not compile.`,
    'Use the tokenizer.json published with the model.',
    { cause },
  );
}

/**
 * Oniguruma folds case over Unicode, where `s` also matches U+017F and `k` U+212A; the translation folds
 * ASCII only, writing the pair `[sS]`.
 */
function withLongS(pattern: RegExp): RegExp {
  return new RegExp(
    pattern.source.replaceAll('[sS]', '[sS\u017F]').replaceAll('[kK]', '[kK\u212A]'),
    pattern.flags,
  );
}
