/** The tokenizer of the house models: whole words of every task, any other text as bytes, and the files as shipped. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wellFormed } from '../text/bytes.ts';
import { createChatTemplate, tokenizerFromJson, tokenizerOf } from '../text/index.ts';
import { problemEncoder, specialId } from './encode.ts';
import { graphTokenizerFiles, houseTokenizerFiles } from './house-tokenizer.ts';
import { tasks } from './registry.ts';
import { problems } from './sampler.ts';
import golden from './tokenizers.golden.json' with { type: 'json' };

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const tokenizerJson = read('../../models/house-causal/tokenizer.json');
const config = read('../../models/house-causal/tokenizer_config.json');
const { tokenizer, chatTemplate } = tokenizerOf({ format: 'json', tokenizer: tokenizerJson, config });
const cases = [...tasks.values()]
  .filter(({ slug }) => slug !== 'graph-questions')
  .flatMap((task) => task.levels.map(({ level }) => ({ name: `${task.slug} level ${level}`, task, level })));

const isLetter = (piece: string) => /^[A-Za-z]$/.test(piece);

describe('the house tokenizer', () => {
  it('is the file that ships', () => {
    expect(houseTokenizerFiles()).toEqual({ tokenizer: tokenizerJson, config });
  });

  it('is small, with the special tokens first', () => {
    expect(tokenizer.vocabSize).toBe(640);
    expect(tokenizer.eosIds).toEqual([0]);
    expect(specialId(tokenizer, 'eos')).toBe(0);
    expect(specialId(tokenizer, 'mask')).toBe(1);
    expect(specialId(tokenizer, 'answer')).toBe(2);
  });

  it('gives back any text', () => {
    for (const unit of ['grapheme', 'binary'] as const) {
      fc.assert(
        fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
          const ids = tokenizer.encode(text, { parseSpecial: false });
          expect(tokenizer.decode(ids)).toBe(wellFormed(text));
        }),
        { numRuns: 500 },
      );
    }
  });

  it('has a token for each digit, wherever it stands', () => {
    const digits = tokenizer.encode('0123456789').map((id) => tokenizer.piece(id));
    expect(digits).toEqual([...'0123456789']);
    expect(tokenizer.encode('Sort: 12 5').map((id) => tokenizer.piece(id))).toEqual([
      ...['Sort', ':Ġ', '1', '2', 'Ġ', '5'],
    ]);
  });

  it('agrees with Python tokenizers', () => {
    for (const { text, ids } of golden.cases) expect(tokenizer.encode(text)).toEqual(ids);
  });

  it.each(cases)('has every word of $name', ({ task, level }) => {
    const source = problems(task, { split: 'test', seed: 99, level });
    for (let index = 0; index < 500; index++) {
      const { prompt, answer } = source.at(index);
      for (const text of [prompt, answer]) {
        const pieces = tokenizer.encode(text).map((id) => tokenizer.piece(id));
        const spelled = pieces.filter((piece, i) => isLetter(piece) && isLetter(pieces[i + 1] ?? ''));
        expect(spelled, text).toEqual([]);
      }
    }
  });
});

describe('problemEncoder', () => {
  const encode = problemEncoder(tokenizer);

  it.each(cases)('encodes $name as its parts', ({ task, level }) => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const problem = problems(task, { split: 'train', seed, level }).at(0);
        const { tokens, answerStart } = encode(problem);
        const text = tokenizer.decode([...tokens.subarray(answerStart)]);
        expect(text).toBe(problem.answer);
        const prompt = createChatTemplate(chatTemplate!, { eos: '<|eos|>' }).render(
          [{ role: 'user', content: problem.prompt }],
          { addGenerationPrompt: true },
        );
        expect(tokenizer.encode(prompt)).toEqual([...tokens.subarray(0, answerStart)]);
        expect(tokens.at(-1)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses another tokenizer', () => {
    const stories = '../../models/stories260k';
    const other = tokenizerFromJson(read(`${stories}/tokenizer.json`), {});
    expect(() => problemEncoder(other)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });
});

describe('the tokenizer of house-graph', () => {
  const files = graphTokenizerFiles();
  const graphTokenizer = tokenizerFromJson(files.tokenizer, files.config);

  it('is the file that ships', () => {
    const shipped = (name: string) => read(`../../models/house-graph/${name}.json`);
    expect(files).toEqual({ tokenizer: shipped('tokenizer'), config: shipped('tokenizer_config') });
  });

  it('has a token for each mark, relation and word, and for each syllable of a name', () => {
    const pieces = (text: string) => graphTokenizer.encode(text).map((id) => graphTokenizer.piece(id));
    expect(pieces('<Tavo | boss | Lemi>\nWho')).toEqual([
      '<',
      'Ta',
      'vo',
      'Ġ|Ġ',
      'boss',
      'Ġ|Ġ',
      'Le',
      'mi',
      '>Ċ',
      'Who',
    ]);
    expect(pieces('the boss of Tavo?')).toEqual([...'the', 'Ġboss', 'Ġof', 'Ġ', 'Ta', 'vo', '?']);
  });
});
