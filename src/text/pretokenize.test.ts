import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { preTokenizerPresets } from './gguf-pretokenizers.ts';
import { createPreTokenizer } from './pretokenize.ts';
import type { Step } from './schema.ts';

interface WordGolden {
  texts: string[];
  /** words[i] are the reference's words of texts[i]. */
  preTokenizers: { config: Step; words: string[][] }[];
}

const golden: WordGolden = JSON.parse(
  readFileSync(new URL('./fixtures/words.golden.json', import.meta.url), 'utf8'),
);

describe('createPreTokenizer', () => {
  it.each(golden.preTokenizers.map(({ config, words }) => [JSON.stringify(config), config, words] as const))(
    'cuts as the reference does: %s',
    (_, config, words) => {
      const preTokenize = createPreTokenizer(config);
      expect(golden.texts.map((text) => preTokenize(text, true))).toEqual(words);
    },
  );

  it('cuts for the GGUF name tekken as the reference does for its pattern', () => {
    const tekken = golden.preTokenizers.find(({ config }) => JSON.stringify(config).includes('Lu'));
    const preTokenize = createPreTokenizer(preTokenizerPresets.get('tekken')?.preTokenizer);
    expect(golden.texts.map((text) => preTokenize(text, true))).toEqual(tekken?.words);
  });

  it.each([...preTokenizerPresets.keys()])('loses no byte of the text: %s', (name) => {
    const preTokenize = createPreTokenizer(preTokenizerPresets.get(name)?.preTokenizer);
    const whole = createPreTokenizer({ type: 'ByteLevel', use_regex: false });
    const texts = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(texts, (text) => {
        expect(preTokenize(text, true).join('')).toBe(whole(text, true).join(''));
      }),
      { numRuns: 100, seed: 5 },
    );
  });
});
