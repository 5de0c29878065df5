/** N-gram stores against counting by hand, and what becomes of damaged ones. */

import { mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { tokenizerOf } from '../text/load.ts';
import type { Tokenizer } from '../text/tokenizer.ts';
import { openCheckpoint } from '../weights/checkpoint.ts';
import { buildNgrams, NgramStore, readTexts, tokenizerDigest } from './index.ts';
import { headerBytes, pageBytes } from './layout.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-ngrams-'));
afterAll(() => rm(root, { recursive: true }));
const path = join(root, 'test.bin');

/** A letter is a token, of a vocabulary of a given size. */
const letters = (vocabSize = 26): Tokenizer => ({
  ...{ vocabSize, bosId: undefined, eosIds: [], specialIds: new Set<number>() },
  encode: (text) => [...text].map((letter) => letter.charCodeAt(0) - 97),
  decode: (ids) => String.fromCharCode(...ids.map((id) => id + 97)),
  bytes: (id) => Uint8Array.of(id + 97),
  piece: (id) => String.fromCharCode(id + 97),
});

async function built(texts: readonly string[], order: number, tokenizer = letters()): Promise<NgramStore> {
  await buildNgrams(path, tokenizer, texts, { order });
  return NgramStore.open(path);
}

/** Occurrences in texts, also overlapping ones. */
const occurrences = (texts: readonly string[], gram: string) =>
  texts.reduce((sum, text) => sum + [...text].filter((_, i) => text.startsWith(gram, i)).length, 0);

describe('counts', () => {
  const word = (max: number) => fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: max });

  it('are those of counting by hand, also across the ends of texts', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(word(40), { maxLength: 4 }),
        fc.array(word(5), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(26, 1 << 17),
        async (texts, contexts, vocabSize) => {
          const tokenizer = letters(vocabSize);
          await using store = await built(texts, 6, tokenizer);
          for (const context of contexts) {
            const ids = tokenizer.encode(context);
            const { total, counts } = store.followers(ids, [0, 1, 2, 3]);
            const followed = ['a', 'b', 'c', 'd'].map((letter) => occurrences(texts, context + letter));
            expect(counts).toEqual(followed);
            // Nothing is followed by more than one token, and every text ends once.
            const places = texts.reduce((sum, text) => sum + text.length + 1, 0);
            expect(total).toBe(context === '' ? places : occurrences(texts, context));
            if (context !== '') expect(store.count(ids)).toBe(occurrences(texts, context));
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are right far beyond the pages that stay in memory', async () => {
    // 18 MiB of suffixes and tokens: more than the 16 MiB of pages.
    let state = 1;
    const text = Array.from({ length: 3_200_000 }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return 'abcd'[state >>> 30];
    }).join('');
    await using store = await built([text], 3);
    expect((await stat(path)).size).toBeGreaterThan(18 << 20);
    for (const gram of ['a', 'cd', 'abc', 'ddd']) {
      const expected = gram.length === 1 ? text.split(gram).length - 1 : occurrences([text], gram);
      expect(store.count(letters().encode(gram))).toBe(expected);
    }
  }, 60_000);
});

describe('a file', () => {
  const texts = ['thequickbrownfox'.repeat(3000), 'jumpsoverthelazydog'];

  it('says what it holds', async () => {
    await using store = await built(texts, 4);
    const { tokens, order, vocabSize, tokenizer } = store.facts;
    expect({ tokens, order, vocabSize }).toEqual({ tokens: 48_000 + 1 + 19 + 1, order: 4, vocabSize: 26 });
    expect(tokenizer).toBe(tokenizerDigest(letters()));
    expect(tokenizer).not.toBe(tokenizerDigest(letters(27)));
  });

  it('of no texts holds nothing', async () => {
    await using store = await built([], 2);
    expect(store.followers([1], [2])).toEqual({ total: 0, counts: [0] });
  });

  it('is the same for the same texts', async () => {
    const make = async () => {
      await using _ = await built(texts, 4);
      return readFile(path);
    };
    expect(await make()).toEqual(await make());
  });

  /** Opens and reads everything there is. */
  async function use(): Promise<void> {
    await using store = await NgramStore.open(path);
    for (let a = 0; a < 26; a++) for (let b = 0; b < 26; b++) store.followers([a], [b]);
  }

  it('with any byte changed is refused, when it is opened or when the page is read', async () => {
    await using _ = await built(texts, 4);
    const whole = await readFile(path);
    expect(whole.length).toBeGreaterThan(headerBytes + 4 * pageBytes);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const changed = Buffer.from(whole);
          changed[at] ^= by;
          await writeFile(path, changed);
          await expect(use()).rejects.toMatchObject({
            code: 'bad-file',
            hint: expect.stringMatching(/ngrams build/),
          });
        },
      ),
      { numRuns: 40 },
    );
    await writeFile(path, whole);
    await use();
  });

  it.each([0, 5, 127, 128, 200_000, -1])('cut to %i bytes is refused', async (length) => {
    await using _ = await built(texts, 4);
    const { size } = await stat(path);
    await truncate(path, length < 0 ? size + length : length);
    await expect(use()).rejects.toMatchObject({ code: 'bad-file' });
  });

  it('of another version is refused by its number', async () => {
    await using _ = await built(texts, 4);
    const whole = await readFile(path);
    whole.writeUInt32LE(9, 8);
    await writeFile(path, whole);
    await expect(use()).rejects.toThrow(/its version is 9, this program reads 1/);
  });

  it('that is missing, a folder or something else is refused', async () => {
    await expect(NgramStore.open(join(root, 'none.bin'))).rejects.toMatchObject({ code: 'not-found' });
    await expect(NgramStore.open(root)).rejects.toMatchObject({ code: 'bad-file' });
    await writeFile(path, 'something else'.repeat(100));
    await expect(use()).rejects.toThrow(/does not begin like one/);
  });

  it('leaves nothing behind when building stops', async () => {
    const gone = join(root, 'gone.bin');
    const stop = AbortSignal.abort(new Error('enough'));
    await expect(buildNgrams(gone, letters(), ['abc'], { order: 2, signal: stop })).rejects.toThrow('enough');
    await expect(buildNgrams(gone, letters(), ['abc'], { order: 17 })).rejects.toMatchObject({
      code: 'bad-option',
    });
    await expect(stat(gone)).rejects.toThrow();
  });
});

async function allTexts(folder: string, counts?: { files: number; bytes: number }): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of readTexts(folder, counts)) texts.push(text);
  return texts;
}

describe('texts', () => {
  it('are the text files of a folder and the folders in it', async () => {
    const folder = join(root, 'texts');
    await mkdir(join(folder, 'b'), { recursive: true });
    await writeFile(join(folder, 'c.md'), 'three');
    await writeFile(join(folder, 'b', 'a.TXT'), 'two');
    await writeFile(join(folder, 'a.txt'), 'one');
    await writeFile(join(folder, 'picture.png'), 'none');
    const counts = { files: 0, bytes: 0 };
    expect(await allTexts(folder, counts)).toEqual(['one', 'two', 'three']);
    expect(counts).toEqual({ files: 3, bytes: 11 });
  });

  it('are asked for where there are none, or no UTF-8', async () => {
    const all = allTexts;
    await expect(all(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'not-found' });
    const folder = join(root, 'latin');
    await mkdir(folder);
    await expect(all(folder)).rejects.toMatchObject({ code: 'not-found' });
    await writeFile(join(folder, 'a.txt'), Uint8Array.of(0x61, 0xe9, 0x61));
    await expect(all(folder)).rejects.toThrow(/a\.txt is not UTF-8/);
  });
});

it('reads real texts with a real tokenizer', async () => {
  const checkpoint = await openCheckpoint(
    fileURLToPath(new URL('../../models/stories260k', import.meta.url)),
  );
  const { tokenizer } = tokenizerOf(checkpoint.tokenizer!, checkpoint.generationConfig);
  await checkpoint.close();
  await buildNgrams(path, tokenizer, ['Once upon a time. Once upon a hill.'], { order: 3 });
  await using store = await NgramStore.open(path);
  const [first, second] = tokenizer.encode('Once upon', { addSpecialTokens: false });
  expect(store.followers([first], [second])).toEqual({ total: 2, counts: [2] });
});
