/** The top token by blocks is the top token: the lowest of equal ones, in vocabularies that can be cut and others. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import { Program } from '../graph/session.ts';
import { float32 } from '../graph/types.ts';
import { topToken } from './top-token.ts';

describe.each([49152, 4096, 512, 97, 8191, 2])('of %i tokens', (vocab) => {
  it('is the first of the largest logits', async () => {
    const b = new GraphBuilder();
    const { top, token } = topToken(b, b.input('logits', 'float32', ['rows', vocab]));
    b.output('top', top);
    b.output('token', token);
    await using program = await Program.load(b.build(), { threads: 1 });
    const places = fc.array(fc.tuple(fc.nat(vocab - 1), fc.constantFrom(-3, 0.5, 2, 2.5)), {
      minLength: 1,
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(places, { minLength: 1, maxLength: 4 }), async (rows) => {
        const data = new Float32Array(rows.length * vocab).fill(-5);
        for (const [row, marks] of rows.entries())
          for (const [place, value] of marks) data[row * vocab + place] = value;
        const outputs = await program.run({ logits: float32([rows.length, vocab], data) });
        for (const row of rows.keys()) {
          const own = data.subarray(row * vocab, (row + 1) * vocab);
          const largest = own.reduce((a, b) => Math.max(a, b));
          expect(outputs.top.data[row]).toBe(largest);
          expect(Number(outputs.token.data[row])).toBe(own.indexOf(largest));
        }
      }),
      { numRuns: 40 },
    );
  });
});
