/** What the interface promises, and what broken or hostile files get: always a typed error, in bounded time. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { processorTime } from '../../test/support/processor-time.ts';
import { type ErrorCode, QuickstepError } from '../errors.ts';
import { tokenizerFromGguf } from './gguf.ts';
import { tokenizerFromJson } from './json.ts';
import { tokenizerOf } from './load.ts';
import { limits } from './schema.ts';
import { tokenizerFromScores } from './sentencepiece.ts';

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const { tokenizer: json, config } = read('./fixtures/smollm-like.golden.json');
const tokenizer = tokenizerFromJson(json, config);
const stories = '../../models/stories260k';

/** A whole tokenizer.json of three pieces, with parts replaced. */
function tiny(parts: object, model: object = {}): unknown {
  return {
    added_tokens: [{ id: 2, content: '<e>', special: true }],
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [], ...model },
    ...parts,
  };
}

function codeOf(action: () => unknown): ErrorCode | 'no error' {
  try {
    action();
  } catch (error) {
    if (QuickstepError.isInstance(error)) return error.code;
    throw error;
  }
  return 'no error';
}

describe('Tokenizer', () => {
  it('names its special ids', () => {
    expect(tokenizer.vocabSize).toBe(900);
    expect(tokenizer.bosId).toBe(1);
    expect(tokenizer.eosIds).toEqual([2]);
    expect([...tokenizer.specialIds]).toEqual([0, 1, 2]);
  });

  it('unites the EOS token with the list of generation_config.json', () => {
    const llama3 = read('./fixtures/llama3-like.golden.json');
    expect(tokenizerFromJson(llama3.tokenizer, llama3.config).eosIds).toEqual([1, 2]);
    const data = { format: 'json', tokenizer: json, config } as const;
    expect(tokenizerOf(data, { eos_token_id: [0, 2] }).tokenizer.eosIds).toEqual([2, 0]);
  });

  it('gives pieces as written and the bytes they stand for', () => {
    const [id] = tokenizer.encode(' the');
    expect(tokenizer.piece(id)).toBe('Ġthe');
    expect(Buffer.from(tokenizer.bytes(id)).toString()).toBe(' the');
    expect(Buffer.from(tokenizer.bytes(2)).toString()).toBe('<|im_end|>');
  });

  it('knows all 256 bytes', () => {
    const single = new Set<number>();
    for (let id = 0; id < tokenizer.vocabSize; id++) {
      if (tokenizer.bytes(id).length === 1) single.add(tokenizer.bytes(id)[0]);
    }
    expect(single.size).toBe(256);
  });

  it('reads ids beyond the vocabulary as nothing and refuses what is no id', () => {
    expect(tokenizer.piece(5000)).toBe('');
    expect(tokenizer.bytes(5000)).toHaveLength(0);
    expect(codeOf(() => tokenizer.piece(-1))).toBe('bad-input');
    expect(codeOf(() => tokenizer.decode([1.5]))).toBe('bad-input');
  });

  it('takes time linear in the text', () => {
    const speech = 'Speak, speak. 12 🙂 ';
    tokenizer.encode(speech.repeat(100));
    const start = processorTime();
    tokenizer.encode(speech.repeat(20_000));
    tokenizer.encode('x'.repeat(300_000));
    tokenizer.encode(' '.repeat(300_000));
    // A quadratic step would take minutes.
    expect(processorTime() - start).toBeLessThan(10_000);
  });
});

describe('models/stories260k', () => {
  it('loads, and decodes the beginning of its story', () => {
    const data = {
      format: 'json',
      tokenizer: read(`${stories}/tokenizer.json`),
      config: read(`${stories}/tokenizer_config.json`),
    } as const;
    const { tokenizer: storyteller, chatTemplate } = tokenizerOf(data);
    // The first greedy ids after BOS, computed by an independent implementation of the model.
    const ids = [1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426];
    expect(storyteller.decode(ids)).toBe('Once upon a time, there was a little girl named Lily.');
    expect(storyteller.encode('Once upon a time, there was a little girl named Lily.')).toEqual(ids);
    expect(chatTemplate).toBeUndefined();
  });
});

describe('tokenizerOf', () => {
  it('finds the chat template of either format', () => {
    const templates = [
      { name: 'tool_use', template: 'T' },
      { name: 'default', template: 'D' },
    ];
    const of = (chat_template: unknown) =>
      tokenizerOf({ format: 'json', tokenizer: json, config: { ...config, chat_template } }).chatTemplate;
    expect(of('X')).toBe('X');
    expect(of(templates)).toBe('D');
    expect(of(undefined)).toBeUndefined();
    expect(codeOf(() => of(7))).toBe('bad-file');
    const metadata = new Map<string, string | string[]>([
      ['tokenizer.ggml.model', 'gpt2'],
      ['tokenizer.ggml.tokens', ['a']],
      ['tokenizer.ggml.merges', []],
      ['tokenizer.chat_template', 'G'],
    ]);
    expect(tokenizerOf({ format: 'gguf', metadata }).chatTemplate).toBe('G');
  });
});

describe('untrusted tokenizer.json', () => {
  it.each<[string, ErrorCode, unknown]>([
    ['not an object', 'bad-file', null],
    ['no model', 'bad-file', {}],
    ['another model', 'unsupported', tiny({ model: { type: 'Unigram', vocab: [] } })],
    ['an empty vocabulary', 'bad-file', tiny({}, { vocab: {} })],
    ['a negative id', 'bad-file', tiny({}, { vocab: { a: -1 } })],
    ['an enormous id', 'bad-file', tiny({}, { vocab: { a: 2 ** 31 } })],
    ['an id that is text', 'bad-file', tiny({}, { vocab: { a: '0' } })],
    ['a piece too long', 'bad-file', tiny({}, { vocab: { ['a'.repeat(limits.piece + 1)]: 0 } })],
    ['a merge of strangers', 'bad-file', tiny({}, { merges: ['x y'] })],
    ['a merge of three', 'bad-file', tiny({}, { merges: [['a', 'b', 'c']] })],
    ['a merge that is a number', 'bad-file', tiny({}, { merges: [7] })],
    ['an unknown token nobody knows', 'bad-file', tiny({}, { unk_token: 'u' })],
    ['an added token with an enormous id', 'bad-file', tiny({ added_tokens: [{ id: 1e9, content: 'x' }] })],
    ['an empty added token', 'bad-file', tiny({ added_tokens: [{ id: 2, content: '' }] })],
    ['a charsmap normalizer', 'unsupported', tiny({ normalizer: { type: 'Precompiled' } })],
    ['another pre-tokenizer', 'unsupported', tiny({ pre_tokenizer: { type: 'BertPreTokenizer' } })],
    ['another decoder', 'unsupported', tiny({ decoder: { type: 'CTC' } })],
    ['no decoder', 'unsupported', tiny({ decoder: null })],
    ['a broken pattern', 'bad-file', tiny({ pre_tokenizer: split('(') })],
    ['a huge pattern', 'bad-file', tiny({ pre_tokenizer: split('a'.repeat(10_000)) })],
    ['a template of strangers', 'bad-file', tiny({ post_processor: template('<x>') })],
  ])('refuses %s', (_, code, file) => {
    expect(codeOf(() => tokenizerFromJson(file, {}))).toBe(code);
  });

  it('takes any vocabulary entry, __proto__ too', () => {
    const vocab = JSON.parse('{"a":0,"__proto__":1,"constructor":3}');
    const odd = tokenizerFromJson(tiny({}, { vocab, ignore_merges: true }), {});
    expect(odd.encode('__proto__')).toEqual([1]);
    expect(odd.encode('constructor')).toEqual([3]);
  });

  it('gives typed errors or a tokenizer, whatever is put in the place of a part', () => {
    const parts = ['added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder', 'model'];
    const junk = fc.oneof(
      fc.anything(),
      fc.record({ type: fc.constantFrom('Sequence', 'Split', 'ByteLevel', 'BPE', 'Replace') }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...parts), junk, (part, value) => {
        codeOf(() => tokenizerFromJson(tiny({ [part]: value }), {}).encode('ab<e>'));
      }),
      { numRuns: 1000, seed: 4 },
    );
  });
});

describe('untrusted GGUF metadata', () => {
  const good = {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': ['a', 'b', 'ab'],
    'tokenizer.ggml.merges': ['a b'],
    'tokenizer.ggml.eos_token_id': 1n,
  };

  it.each<[string, ErrorCode | 'no error', object]>([
    ['nothing', 'no error', {}],
    ['another model', 'unsupported', { 'tokenizer.ggml.model': 'bert' }],
    ['another pre-tokenizer', 'unsupported', { 'tokenizer.ggml.pre': 'new' }],
    ['tokens that are numbers', 'bad-file', { 'tokenizer.ggml.tokens': [1, 2] }],
    ['no tokens', 'bad-file', { 'tokenizer.ggml.tokens': undefined }],
    ['no merges', 'bad-file', { 'tokenizer.ggml.merges': undefined }],
    ['an EOS beyond the tokens', 'bad-file', { 'tokenizer.ggml.eos_token_id': 3 }],
    ['no scores', 'bad-file', { 'tokenizer.ggml.model': 'llama' }],
    ['too few scores', 'bad-file', { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.scores': [1] }],
    ['a score of NaN', 'bad-file', { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.scores': [0, NaN, 0] }],
  ])('%s: %s', (_, code, change) => {
    expect(codeOf(() => tokenizerFromGguf({ ...good, ...change }))).toBe(code);
  });
});

describe('tokenizerFromScores', () => {
  it('merges by score, the leftmost of equals first', () => {
    const pieces = ['a', 'b', 'ab', 'ba'];
    const ids = (scores: number[]) =>
      tokenizerFromScores(pieces, scores, { addSpacePrefix: false }).encode('aba');
    expect(ids([0, 0, 2, 1])).toEqual([2, 0]);
    expect(ids([0, 0, 1, 2])).toEqual([0, 3]);
    expect(ids([0, 0, 1, 1])).toEqual([2, 0]);
  });

  it('refuses a piece whose cuts would take quadratic time', () => {
    expect(codeOf(() => tokenizerFromScores(['a', 'a'.repeat(2000)], [0, 0]))).toBe('bad-file');
  });
});

function split(pattern: string): object {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated' };
}

function template(id: string): object {
  return { type: 'TemplateProcessing', single: [{ SpecialToken: { id } }], special_tokens: {} };
}
