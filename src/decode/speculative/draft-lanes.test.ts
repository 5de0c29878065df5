/** Lanes of a draft model: runs that draft at the same time share forwards, and failures reach all of them. */

import { describe, expect, it } from 'vitest';
import type { ScoreLane } from '../../models/forward.ts';
import { cachedContextModel } from '../testing/cached-context.ts';
import { markovModel } from '../testing/markov.ts';
import { DraftLanes } from './draft-lanes.ts';

function lanesOf(fail = false) {
  const { batch, forwardLanes } = cachedContextModel(markovModel(1, 5));
  const counts: number[] = [];
  const model = {
    config: { contextLength: 100, vocabSize: 5 },
    newBatch: () => batch,
    forwardLanes: async (lanes: readonly ScoreLane[]) => {
      counts.push(lanes.length);
      if (fail) throw new Error('no memory');
      return forwardLanes(lanes);
    },
  };
  return { lanes: new DraftLanes(model, { vocabSize: 5, cost: 0.1 }), counts };
}

const read = (lane: ReturnType<DraftLanes['open']>) => {
  const sequence = lane.cache.slots.createSequence();
  return lane.forward([{ sequence, tokens: [1, 2], scored: [1] }], true);
};

describe('lanes of a draft model', () => {
  it('share the forwards that are asked for in the same turn', async () => {
    const { lanes, counts } = lanesOf();
    const open = [lanes.open(), lanes.open(), lanes.open()];
    const forwards = await Promise.all(open.map(read));
    expect(counts).toEqual([3]);
    for (const { scores } of forwards) expect(scores[0].logits(0)).toEqual(markovModel(1, 5)([1, 2]));
    await read(open[0]);
    expect(counts).toEqual([3, 1]);
  });

  it('go on sharing when each asks again as soon as it has its answer', async () => {
    const { lanes, counts } = lanesOf();
    const open = [lanes.open(), lanes.open()];
    await Promise.all(
      open.map(async (lane) => {
        for (let i = 0; i < 4; i++) await read(lane);
      }),
    );
    expect(counts).toEqual([2, 2, 2, 2]);
  });

  it('all learn of a failure', async () => {
    const { lanes } = lanesOf(true);
    const results = await Promise.allSettled([lanes.open(), lanes.open()].map(read));
    for (const result of results) expect(result).toMatchObject({ reason: new Error('no memory') });
  });
});
