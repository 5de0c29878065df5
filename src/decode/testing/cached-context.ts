/**
 * A model in plain TypeScript for tests of methods: logits are a function of the whole context, and the context is
 * read back from the K/V cache, where a token's "key" is its id and its "value" the position it was run at. A method
 * that caches a wrong row, or at a wrong place, changes what the model says next.
 */

import { KvBatch, type Sequence } from '../../cache/index.ts';
import type { Forward, ScoreGroup, ScoreLane, Scores } from '../../models/forward.ts';
import { argmax } from '../sampling/select.ts';
import { logSoftmaxAt } from '../sampling/softmax.ts';

/** Logits [vocabulary] of the token after `context`. */
export type NextLogits = (context: readonly number[]) => Float32Array;

/** A scorer over `logitsOf`, and the batch whose caches it reads. */
export function cachedContextModel(logitsOf: NextLogits) {
  const batch = new KvBatch({ layers: 1, kvHeads: 1, headDim: 1 });

  function contextOf(sequence: Sequence, lane: number): number[] {
    const keys = batch.store.key(0, lane, 1);
    const values = batch.store.value(0, lane, 1);
    return Array.from(sequence.slots, (slot, entry) => {
      if (values[slot] !== sequence.positions[entry])
        throw new Error(`slot ${slot} was run at another place`);
      return keys[slot];
    });
  }

  /** Tokens and scores of one group's rows. */
  function runGroup({ sequence, tokens, parents, scored }: ScoreGroup, lane: number) {
    const contexts: number[][] = [];
    for (let row = 0; row < tokens.length; row++) {
      const parent = parents ? parents[row] : row - 1;
      const before = parent < 0 ? contextOf(sequence, lane) : contexts[parent];
      contexts.push([...before, tokens[row] as number]);
    }
    const rows = Array.from(scored, (row) => logitsOf(contexts[row]));
    const scores: Scores = {
      topToken: (index) => argmax(rows[index]),
      topLogProb: (index) => logSoftmaxAt(rows[index], argmax(rows[index])),
      logits: (index) => rows[index],
    };
    return { contexts, scores };
  }

  async function forwardLanes(lanes: readonly ScoreLane[]): Promise<Forward[]> {
    return lanes.map(({ cache, groups }) => {
      const runs = groups.map((group) => runGroup(group, cache.lane));
      const contexts = runs.flatMap((run) => run.contexts);
      let rows = 0;
      const offsets = groups.map(({ tokens }) => {
        rows += tokens.length;
        return rows - tokens.length;
      });
      const keys = [Float32Array.from(contexts, (context) => context[context.length - 1])];
      const values = [Float32Array.from(contexts, (context) => context.length - 1)];
      return {
        newRows: { rows, keys, values },
        offsets,
        scores: runs.map((run) => run.scores),
        rows,
        outputs: {},
      };
    });
  }

  return { batch, forwardLanes };
}
