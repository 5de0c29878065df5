import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cachedLines, type LineCacheOptions } from './line-cache.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-lines-'));
afterAll(() => rm(root, { recursive: true }));
let path: string;
let made: number[];
beforeEach(async () => {
  path = join(await mkdtemp(join(root, 'one-')), 'lines.jsonl');
  made = [];
});

const lines = (more: Partial<LineCacheOptions<{ n: number }>> = {}) =>
  cachedLines({
    path,
    identity: { teacher: 'a', seed: 1 },
    count: 10,
    batch: 4,
    schema: z.object({ n: z.number() }),
    make: async (first, end) => {
      const part = Array.from({ length: end - first }, (_, i) => first + i);
      made.push(...part);
      return part.map((n) => ({ n: n * n }));
    },
    ...more,
  });
const squares = (count: number) => Array.from({ length: count }, (_, n) => ({ n: n * n }));

describe('cachedLines', () => {
  it('makes what is missing, once, and tells how far it is', async () => {
    const told: number[] = [];
    expect(await lines({ onProgress: (done, total) => told.push(done, total) })).toEqual(squares(10));
    expect(made).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(told.filter((_, i) => i % 2 === 0)).toEqual([0, 4, 4, 8, 8, 10]);
    expect(new Set(told.filter((_, i) => i % 2 === 1))).toEqual(new Set([10]));
    expect(await lines()).toEqual(squares(10));
    expect(await lines({ count: 3 })).toEqual(squares(3));
    expect(made).toHaveLength(10);
    expect(await lines({ count: 12 })).toEqual(squares(12));
    expect(made.slice(10)).toEqual([10, 11]);
  });

  it('goes on behind the last batch of a run that failed', async () => {
    const failing = async (first: number, end: number) => {
      if (first >= 8) throw new Error('stopped');
      return squares(end).slice(first);
    };
    await expect(lines({ make: failing })).rejects.toThrow('stopped');
    expect(await lines()).toEqual(squares(10));
    expect(made).toEqual([8, 9]);
  });

  it.each(['{"n":16}\n{"n":2', '{"n":16}\nnot JSON\n{"n":36}\n', '{"n":16}\n{"m":25}\n'])(
    'makes a line again that is no line, and all behind it: %j',
    async (end) => {
      await lines({ count: 4 });
      await writeFile(path, `${await readFile(path, 'utf8')}${end}`);
      made = [];
      expect(await lines()).toEqual(squares(10));
      expect(made).toEqual([5, 6, 7, 8, 9]);
      expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(12);
    },
  );

  it('does not take the lines of another identity', async () => {
    await lines();
    made = [];
    expect(await lines({ identity: { teacher: 'b', seed: 1 } })).toEqual(squares(10));
    expect(made).toHaveLength(10);
  });

  it('does without a file', async () => {
    expect(await lines({ path: undefined })).toEqual(squares(10));
    expect(await lines({ path: undefined })).toEqual(squares(10));
    expect(made).toHaveLength(20);
  });
});
