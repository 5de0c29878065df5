import { describe, expect, it } from 'vitest';
import { toByteAlphabet } from './bytes.ts';
import { tokenizerFilesOf, tokenizerOf } from './load.ts';

/** All bytes as pieces, then what merges make. */
const bytes = Array.from({ length: 256 }, (_, byte) => toByteAlphabet(String.fromCharCode(byte))).filter(
  (piece) => piece.length === 1,
);
const vocabulary = Object.fromEntries([...bytes, 'th', 'the', 'Ġthe'].map((piece, id) => [piece, id]));
const first = Object.keys(vocabulary).length;
const config = {
  tokenizer_class: 'DreamTokenizer',
  added_tokens_decoder: {
    [first]: { content: '<|endoftext|>', special: true, lstrip: false },
    [first + 1]: { content: '<|im_end|>', special: true },
    [first + 2]: { content: '<|mask|>', special: true },
  },
  eos_token: '<|endoftext|>',
  chat_template: '{{ messages[0].content }}<|im_end|>',
};
const merges = '#version: 0.2\nt h\nth e\nĠ the\n';
const data = { format: 'vocabulary' as const, vocabulary, merges, config };

describe('a tokenizer of vocab.json and merges.txt', () => {
  it('encodes and decodes by its class', () => {
    const { tokenizer, chatTemplate } = tokenizerOf(data);
    const ids = tokenizer.encode('the the42<|im_end|>');
    expect(ids.map((id) => tokenizer.piece(id))).toEqual(['the', 'Ġthe', '4', '2', '<|im_end|>']);
    expect(tokenizer.decode(ids)).toBe('the the42');
    expect(tokenizer.eosIds).toEqual([first]);
    expect([...tokenizer.specialIds]).toEqual([first, first + 1, first + 2]);
    expect(chatTemplate).toContain('im_end');
  });

  it('is the same from the files it is saved as', () => {
    const { tokenizer, config: saved } = tokenizerFilesOf(data);
    const again = tokenizerOf({ format: 'json', tokenizer, config: { ...saved } }).tokenizer;
    expect(again.encode('the <|mask|>the')).toEqual(tokenizerOf(data).tokenizer.encode('the <|mask|>the'));
  });

  it.each([
    [
      'another class',
      { config: { ...config, tokenizer_class: 'BertTokenizer' } },
      'unsupported',
      /"BertTokenizer"/,
    ],
    ['no class', { config: {} }, 'unsupported', /tokenizer_class "unknown"/],
    ['a merge of three', { merges: 'a b c' }, 'bad-file', /merge 0/],
    ['a vocabulary that is a list', { vocabulary: ['a'] }, 'bad-file', /vocab/],
    [
      'an added token without text',
      { config: { ...config, added_tokens_decoder: { 5: {} } } },
      'bad-file',
      /added_tokens_decoder/,
    ],
  ])('refuses %s', (_, change, code, message) => {
    expect(() => tokenizerOf({ ...data, ...change })).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
