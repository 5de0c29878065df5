import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { samplingOptions } from '../decode/sampling/options.ts';
import { parseArguments, peekFlag } from './args.ts';
import { commonGroup, commonOptions } from './command.ts';
import { modelOptions } from './load-model.ts';

const groups = [
  { title: 'Model', schema: modelOptions },
  { title: 'Sampling', schema: samplingOptions },
  commonGroup,
];
const parse = (...argv: string[]) => parseArguments(argv, groups);
const refusal = (message: RegExp) =>
  expect.objectContaining({ code: 'bad-option', message: expect.stringMatching(message) });

describe('parseArguments', () => {
  it('tells what was written from what holds', () => {
    const args = parse('a prompt', '--top-k', '40', '--json', '-m', 'smollm2');
    expect(args.positionals).toEqual(['a prompt']);
    expect(args.given(samplingOptions)).toEqual({ topK: 40 });
    expect(args.values(samplingOptions)).toMatchObject({ topK: 40, topP: 1, temperature: 0 });
    expect(args.values(commonOptions)).toMatchObject({ json: true, noColor: false });
    expect(args.values(modelOptions).model).toBe('smollm2');
  });

  it('takes negative numbers, = and records', () => {
    const args = parse('--presence-penalty', '-1', '--seed=-3', '--logit-bias', '5=-2');
    expect(args.given(samplingOptions)).toEqual({ presencePenalty: -1, seed: -3, logitBias: { 5: -2 } });
  });

  it('leaves everything after -- alone', () => {
    expect(parse('--', '--json', '-x').positionals).toEqual(['--json', '-x']);
  });

  it.each([
    [['--temprature', '1'], /Unknown option --temprature\. Did you mean --temperature\?/],
    [['--zzzzzzzzz'], /Unknown option --zzzzzzzzz\. See --help/],
    [['-x'], /Unknown option -x\./],
    [['--top-p', '1.5'], /--top-p 1\.5: .*0 to 1/],
    [['--top-k', '1.5'], /--top-k 1\.5: /],
    [['--precision', 'fp8'], /--precision fp8: .*fp32/],
    [['--logit-bias', 'x=1'], /--logit-bias "x": is not a token id/],
    [['--logit-bias', '1=1000'], /--logit-bias "1": /],
    [['--model'], /--model needs a value \(<id>\)/],
    [['--model', '--json'], /--model needs a value/],
    [['--json=1'], /--json takes no value/],
    [['--seed', 'one'], /--seed takes a number, not "one"/],
  ])('refuses %j and says what to do', (argv, message) => {
    expect(() => parse(...argv)).toThrow(refusal(message));
  });

  it('reads back whatever text a flag was given', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        expect(parse(`--model=${text}`).values(modelOptions).model).toBe(text);
      }),
    );
  });

  it('never throws anything but a refusal', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('--seed', '--logit-bias', '--json', '--', '-m', '1=2'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
        try {
          parse(...argv);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad-option' });
        }
      }),
    );
  });
});

describe('peekFlag', () => {
  it('finds a value before the other flags are known', () => {
    expect(peekFlag(['hi', '--other', '--method', 'sample'], 'method')).toBe('sample');
    expect(peekFlag(['--method=sample'], 'method')).toBe('sample');
    expect(peekFlag(['--', '--method', 'sample'], 'method')).toBeUndefined();
    expect(peekFlag(['--method'], 'method')).toBeUndefined();
  });
});
