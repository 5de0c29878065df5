/**
 * Ids and texts against the Python `tokenizers` package on the hostile corpus of tools/golden_text.py, for
 * four small tokenizers of the kinds that models use, from tokenizer.json and from GGUF metadata.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tokenizerFromGguf } from './gguf.ts';
import { tokenizerFromJson } from './json.ts';
import { tokenizerFromScores } from './sentencepiece.ts';
import type { Tokenizer } from './tokenizer.ts';

interface Case {
  text: string;
  /** Ids with special tokens added and parsed. */
  ids: number[];
  /** Ids with special tokens neither added nor parsed, where they differ. */
  plain?: number[];
  /** The reference's text of `ids` without special tokens. */
  decoded: string;
}

interface Fixture {
  tokenizer: {
    added_tokens: { id: number; content: string; special: boolean }[];
    model: { vocab: Record<string, number>; merges: [string, string][] };
  };
  config: Record<string, unknown>;
  cases: Case[];
  metaspace?: { pre_tokenizer: unknown; cases: Case[] };
}

function readFixture(name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.golden.json`, import.meta.url), 'utf8'));
}

function expectGolden(tokenizer: Tokenizer, cases: readonly Case[]): void {
  const plainOptions = { addSpecialTokens: false, parseSpecial: false };
  for (const { text, ids, plain = ids, decoded } of cases) {
    expect(tokenizer.encode(text), JSON.stringify(text)).toEqual(ids);
    expect(tokenizer.encode(text, plainOptions), `plain ${JSON.stringify(text)}`).toEqual(plain);
    expect(tokenizer.decode(ids), `decoded ${JSON.stringify(text)}`).toBe(decoded);
  }
}

function piecesById({ tokenizer }: Fixture): string[] {
  const pieces: string[] = [];
  for (const [piece, id] of Object.entries(tokenizer.model.vocab)) pieces[id] = piece;
  for (const { id, content } of tokenizer.added_tokens) pieces[id] = content;
  return pieces;
}

const names = ['smollm-like', 'llama3-like', 'qwen2-like', 'llama2-like'];

describe('tokenizer.json', () => {
  it.each(names)('gives the reference ids and texts: %s', (name) => {
    const { tokenizer, config, cases } = readFixture(name);
    expect(cases.length).toBeGreaterThan(50);
    expectGolden(tokenizerFromJson(tokenizer, config), cases);
  });

  it('gives the reference ids with a Metaspace pre-tokenizer', () => {
    const { tokenizer, config, metaspace } = readFixture('llama2-like');
    const { pre_tokenizer, cases } = metaspace!;
    expectGolden(tokenizerFromJson({ ...tokenizer, normalizer: null, pre_tokenizer }, config), cases);
  });

  it('reads merges written as "left right"', () => {
    const { tokenizer, config, cases } = readFixture('smollm-like');
    const merges = tokenizer.model.merges.map((pair) => pair.join(' '));
    const old = { ...tokenizer, model: { ...tokenizer.model, merges } };
    expectGolden(tokenizerFromJson(old, config), cases);
  });
});

describe('GGUF metadata', () => {
  it.each([
    ['smollm-like', 'smollm'],
    ['llama3-like', 'llama-bpe'],
  ])('gives the reference ids: %s as %s', (name, pre) => {
    const fixture = readFixture(name);
    const pieces = piecesById(fixture);
    const special = new Set(fixture.tokenizer.added_tokens.map(({ id }) => id));
    const metadata = new Map<string, unknown>([
      ['tokenizer.ggml.model', 'gpt2'],
      ['tokenizer.ggml.pre', pre],
      ['tokenizer.ggml.tokens', pieces],
      ['tokenizer.ggml.merges', fixture.tokenizer.model.merges.map((pair) => pair.join(' '))],
      ['tokenizer.ggml.token_type', pieces.map((_, id) => (special.has(id) ? 3 : 1))],
      ['tokenizer.ggml.bos_token_id', name === 'llama3-like' ? 0 : 1],
      ['tokenizer.ggml.eos_token_id', 2],
    ]);
    const tokenizer = tokenizerFromGguf(metadata);
    expectGolden(tokenizer, fixture.cases);
    expect(tokenizer.eosIds).toEqual([2]);
    expect(tokenizerFromGguf(Object.fromEntries(metadata)).encode('Hello')).toEqual(
      tokenizer.encode('Hello'),
    );
  });

  it('gives the reference ids for SentencePiece scores', () => {
    const fixture = readFixture('llama2-like');
    const pieces = piecesById(fixture);
    const scores = pieces.map((_, id) => (id < 259 ? 0 : 259 - id));
    const metadata = {
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': pieces,
      'tokenizer.ggml.scores': scores,
      'tokenizer.ggml.token_type': pieces.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
      'tokenizer.ggml.unknown_token_id': 0,
    };
    expectGolden(tokenizerFromGguf(metadata), fixture.cases);
    expectGolden(tokenizerFromScores(pieces, scores, { unkId: 0, bosId: 1, eosIds: [2] }), fixture.cases);
  });
});
