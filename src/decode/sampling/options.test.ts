import { describe, expect, it } from 'vitest';
import { QuickstepError } from '../../errors.ts';
import { parseSamplingOptions, samplingOptions } from './options.ts';

const failure = (input: unknown): QuickstepError => {
  try {
    parseSamplingOptions(input);
  } catch (error) {
    if (QuickstepError.isInstance(error)) return error;
  }
  throw new Error(`accepted: ${JSON.stringify(input)}`);
};

describe('sampling options', () => {
  it('default to greedy with every stage off', () => {
    expect(parseSamplingOptions({})).toEqual({
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      typicalP: 1,
      repetitionPenalty: 1,
      frequencyPenalty: 0,
      presencePenalty: 0,
      seed: 0,
      minTokens: 0,
    });
  });

  it('are all described', () => {
    for (const [name, field] of Object.entries(samplingOptions.shape)) {
      expect(field.description, name).toMatch(/\w/);
    }
  });

  it('refuse an unknown option by name', () => {
    const error = failure({ temprature: 1 });
    expect(error.code).toBe('bad-option');
    expect(error.message).toContain('"temprature"');
    expect(error.hint).toContain('temperature');
  });

  it.each([
    ['temperature', -0.1],
    ['temperature', Number.NaN],
    ['temperature', Number.POSITIVE_INFINITY],
    ['temperature', '1'],
    ['topK', 1.5],
    ['topK', -1],
    ['topP', 1.01],
    ['minP', -0.01],
    ['typicalP', 2],
    ['repetitionPenalty', 0],
    ['frequencyPenalty', 2.1],
    ['presencePenalty', -2.1],
    ['penaltyWindow', 0],
    ['logitBias', { 5: 101 }],
    ['logitBias', { five: 1 }],
    ['logitBias', { '-1': 1 }],
    ['logitBias', { 5: Number.POSITIVE_INFINITY }],
    ['logitBias', Object.fromEntries(Array.from({ length: 65_537 }, (_, id) => [id, 1]))],
    ['seed', 2 ** 53],
    ['logprobs', 21],
    ['minTokens', -1],
  ])('refuse %s = %o and name it', (name, value) => {
    const error = failure({ [name]: value });
    expect(error.code).toBe('bad-option');
    expect(error.message).toContain(`"${name}"`);
    expect(error.hint).not.toBe('');
  });

  it('refuse what is no object', () => {
    expect(failure('temperature=1').code).toBe('bad-option');
    expect(failure(null).code).toBe('bad-option');
  });

  it('accept a ban as -100 or -Infinity', () => {
    expect(parseSamplingOptions({ logitBias: { 5: -100, 6: -Infinity } }).logitBias).toEqual({
      5: -100,
      6: -Infinity,
    });
  });
});
