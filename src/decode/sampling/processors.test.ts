import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import { parseSamplingOptions, type SamplingInput } from './options.ts';
import { explain, type PipelineExtras, samplingStages, shapingStages } from './processors.ts';

const none = { promptTokens: [], generatedTokens: [], step: 0 };

function shaped(
  options: SamplingInput,
  logits: number[],
  context = {},
  extras: PipelineExtras = {},
): number[] {
  const row = Float32Array.from(logits);
  for (const stage of shapingStages(parseSamplingOptions(options), extras)) {
    stage.apply(row, { ...none, ...context });
  }
  return [...row];
}

describe('penalties and bias', () => {
  it('repetition: divides positive and multiplies negative logits, once per token of prompt and output', () => {
    const context = { promptTokens: [0, 0, 1], generatedTokens: [1, 2] };
    expect(shaped({ repetitionPenalty: 2 }, [4, -4, 1, 3], context)).toEqual([2, -8, 0.5, 3]);
  });

  it('frequency and presence: over generated tokens only', () => {
    const context = { promptTokens: [3, 3], generatedTokens: [0, 1, 1] };
    expect(shaped({ frequencyPenalty: 0.5 }, [1, 1, 1, 1], context)).toEqual([0.5, 0, 1, 1]);
    expect(shaped({ presencePenalty: 0.5 }, [1, 1, 1, 1], context)).toEqual([0.5, 0.5, 1, 1]);
    expect(shaped({ frequencyPenalty: 1, presencePenalty: -0.5 }, [1, 1, 1, 1], context)).toEqual([
      0.5, -0.5, 1, 1,
    ]);
  });

  it('look at the last tokens only when a window is given', () => {
    const context = { promptTokens: [0, 1], generatedTokens: [2, 2, 3] };
    const logits = [2, 2, 2, 2];
    expect(shaped({ repetitionPenalty: 2, penaltyWindow: 4 }, logits, context)).toEqual([2, 1, 1, 1]);
    expect(shaped({ repetitionPenalty: 2, penaltyWindow: 1 }, logits, context)).toEqual([2, 2, 2, 1]);
    expect(shaped({ repetitionPenalty: 2, penaltyWindow: 99 }, logits, context)).toEqual([1, 1, 1, 1]);
    expect(shaped({ frequencyPenalty: 1, penaltyWindow: 2 }, logits, context)).toEqual([2, 2, 1, 1]);
  });

  it('skip tokens outside the output head', () => {
    const context = { promptTokens: [7], generatedTokens: [8] };
    expect(shaped({ repetitionPenalty: 2, presencePenalty: 1 }, [1, 1], context)).toEqual([1, 1]);
  });

  it('bias is added; -100 and -Infinity ban', () => {
    expect(shaped({ logitBias: { 0: 2, 1: -100, 2: -Infinity, 3: -99 } }, [1, 1, 1, 1])).toEqual([
      3,
      -Infinity,
      -Infinity,
      -98,
    ]);
  });

  it('a bias outside the vocabulary is refused', () => {
    expect(() => shaped({ logitBias: { 4: 1 } }, [1, 1, 1, 1])).toThrow(/token 4.*4 tokens/);
  });

  it('end tokens are banned until minTokens', () => {
    const extras = { eosIds: [1] };
    expect(shaped({ minTokens: 2 }, [1, 1], { generatedTokens: [0] }, extras)).toEqual([1, -Infinity]);
    expect(shaped({ minTokens: 2 }, [1, 1], { generatedTokens: [0, 0] }, extras)).toEqual([1, 1]);
    expect(() => shaped({ minTokens: 2 }, [1, 1])).toThrow(QuickstepError);
  });

  it('processors of the user see penalized logits and the context', () => {
    const seen: unknown[] = [];
    const spy = (logits: Float32Array, context: unknown) => {
      seen.push([...logits], context);
      logits[0] = 9;
    };
    const result = shaped({ logitBias: { 1: 1 } }, [0, 0], { step: 5 }, { processors: [spy] });
    expect(result).toEqual([9, 1]);
    expect(seen).toEqual([[0, 1], { ...none, step: 5 }]);
  });
});

describe('the order of the stages', () => {
  const everything: SamplingInput = {
    temperature: 0.5,
    topK: 40,
    topP: 0.9,
    minP: 0.05,
    typicalP: 0.95,
    repetitionPenalty: 1.1,
    frequencyPenalty: 0.2,
    presencePenalty: 0.1,
    penaltyWindow: 64,
    logitBias: { 1: 2 },
    minTokens: 3,
    seed: 8,
  };

  it('is what explain prints', () => {
    const extras = { eosIds: [0], processors: [function preferVerbs() {}] };
    expect(explain(everything, extras)).toEqual([
      'logit bias on 1 tokens',
      'end tokens banned before token 3',
      'repetition penalty 1.1, last 64 tokens',
      'frequency penalty 0.2, presence penalty 0.1, last 64 tokens',
      'processor preferVerbs',
      'temperature 0.5',
      'top-k 40',
      'typical 0.95',
      'top-p 0.9',
      'min-p 0.05',
      'softmax',
      'sample with seed 8',
    ]);
  });

  it('leaves neutral stages out', () => {
    expect(explain({ temperature: 1 })).toEqual(['softmax', 'sample with seed 0']);
  });

  it('ends in argmax when greedy', () => {
    expect(explain({ ...everything, temperature: 0, minTokens: 0 }).slice(-2)).toEqual([
      'frequency penalty 0.2, presence penalty 0.1, last 64 tokens',
      'argmax',
    ]);
  });

  it('temperature comes before top-p: a flatter distribution keeps more', () => {
    const keptAt = (temperature: number) => {
      const row = Float32Array.of(4, 3, 2, 1, 0);
      for (const stage of samplingStages(parseSamplingOptions({ temperature, topP: 0.8 })))
        stage.apply(row, none);
      return row.filter((logit) => logit > -Infinity).length;
    };
    expect([keptAt(0.3), keptAt(1), keptAt(5)]).toEqual([1, 2, 4]);
  });
});

describe('against Hugging Face transformers', () => {
  type Golden = {
    logits: number[];
    filters: { options: SamplingInput; kept: number[] }[];
    repetition: { seen: number[]; penalty: number; logits: number[] };
  };
  // Made by tools/golden_sampling.py.
  const golden: Golden[] = JSON.parse(
    readFileSync(new URL('transformers.golden.json', import.meta.url), 'utf8'),
  );

  it.each(golden.flatMap(({ logits, filters }) => filters.map((filter) => ({ logits, ...filter }))))(
    '$options keeps the same tokens',
    ({ logits, options, kept }) => {
      const row = Float32Array.from(logits);
      for (const stage of samplingStages(parseSamplingOptions({ ...options, temperature: 1 }))) {
        stage.apply(row, none);
      }
      expect([...row.keys()].filter((id) => row[id] > -Infinity)).toEqual(kept);
    },
  );

  it.each(golden)('repetition penalty gives the same logits', ({ logits, repetition }) => {
    const context = { promptTokens: repetition.seen };
    const actual = shaped({ repetitionPenalty: repetition.penalty }, logits, context);
    for (const [id, expected] of repetition.logits.entries()) expect(actual[id]).toBeCloseTo(expected, 4);
  });
});
