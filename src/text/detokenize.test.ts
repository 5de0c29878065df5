import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StreamDetokenizer } from './detokenize.ts';
import { tokenizerFromJson } from './json.ts';
import type { DecodeOptions, Tokenizer } from './tokenizer.ts';

function fixture(name: string): Tokenizer {
  const url = new URL(`./fixtures/${name}.golden.json`, import.meta.url);
  const { tokenizer, config } = JSON.parse(readFileSync(url, 'utf8'));
  return tokenizerFromJson(tokenizer, config);
}

const tokenizers = ['smollm-like', 'llama2-like'].map((name) => [name, fixture(name)] as const);
const [, byteLevel] = tokenizers[0];
const [, sentencePiece] = tokenizers[1];

function pushAll(tokenizer: Tokenizer, ids: readonly number[], options?: DecodeOptions): string[] {
  const stream = new StreamDetokenizer(tokenizer, options);
  return [...ids.map((id) => stream.push(id)), stream.flush()];
}

describe.each(tokenizers)('StreamDetokenizer: %s', (_, tokenizer) => {
  const ids = fc.array(fc.nat(tokenizer.vocabSize + 5), { maxLength: 60 });
  const options = fc.record({ skipSpecialTokens: fc.boolean(), continues: fc.boolean() });

  it('concatenates to what TextDecoder makes of all bytes', () => {
    fc.assert(
      fc.property(ids, options, (tokens, given) => {
        const kept = tokens.filter((id) => !given.skipSpecialTokens || !tokenizer.specialIds.has(id));
        const bytes = Buffer.concat(kept.map((id) => tokenizer.bytes(id)));
        const drops = tokenizer.dropsLeadingSpace && !given.continues && bytes[0] === 0x20;
        const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.subarray(drops ? 1 : 0));
        expect(pushAll(tokenizer, tokens, given).join('')).toBe(expected);
        expect(tokenizer.decode(tokens, given)).toBe(expected);
      }),
      { numRuns: 400, seed: 2 },
    );
  });

  it('gives any text back, in whole characters', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 40 });
    fc.assert(
      fc.property(texts, (text) => {
        const tokens = tokenizer.encode(text, { parseSpecial: false });
        const chunks = pushAll(tokenizer, tokens);
        expect(chunks.join('')).toBe(text);
        for (const chunk of chunks) expect(chunk).toBe(chunk.replace(/\p{Surrogate}/gu, ''));
        expect(chunks.at(-1)).toBe('');
      }),
      { numRuns: 400, seed: 3 },
    );
  });
});

describe('StreamDetokenizer', () => {
  it('holds a character back until it is whole', () => {
    const tokens = [...Buffer.from('é🙂')].map((byte) => 3 + byte);
    expect(pushAll(sentencePiece, tokens)).toEqual(['', 'é', '', '', '', '🙂', '']);
  });

  it('gives up a character that the next token or the end cuts off', () => {
    const lead = 3 + 0xf0;
    expect(pushAll(sentencePiece, [lead, 3 + 0x41])).toEqual(['', '\uFFFDA', '']);
    expect(pushAll(sentencePiece, [lead])).toEqual(['', '\uFFFD']);
  });

  it('keeps the leading space of text that goes on after a prompt', () => {
    const ids = sentencePiece.encode('the king', { addSpecialTokens: false });
    expect(sentencePiece.decode(ids)).toBe('the king');
    expect(sentencePiece.decode(ids, { continues: true })).toBe(' the king');
  });

  it('shows special tokens when asked', () => {
    const ids = byteLevel.encode('<|im_start|>hi<|im_end|>');
    expect(byteLevel.decode(ids)).toBe('hi');
    expect(byteLevel.decode(ids, { skipSpecialTokens: false })).toBe('<|im_start|>hi<|im_end|>');
  });
});
