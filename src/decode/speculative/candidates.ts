/** Where the children of a draft node come from, one after the other. */

import { type RandomKey, randomStreams } from '../random.ts';
import type { Run } from '../run.ts';
import { type Distribution, sample, without } from '../sampling/distribution.ts';

/** Children of one node, best first or as they are drawn. */
export interface Candidates {
  /** What the next one is worth: its probability, or where it is not known before it is drawn, that of all that is left. */
  readonly promise: number;
  /** What children are drawn from, where they are; see `DraftTree.drawnFrom`. */
  readonly drawnFrom?: Distribution;
  /** @param node That the child becomes. Undefined when there is none left. */
  next(node: number): { token: number; probability: number } | undefined;
}

/** A token that comes first whatever its probability, then the most probable others. */
export function likely({ ids, probs }: Distribution, first = ids[0]): Candidates {
  const order = [first, ...ids.filter((id) => id !== first)];
  const probability = (token: number) => probs[ids.indexOf(token)] ?? 0;
  return {
    get promise() {
      return order.length > 0 ? probability(order[0]) : 0;
    },
    next() {
      const token = order.shift();
      return token === undefined ? undefined : { token, probability: probability(token) };
    },
  };
}

/** Draws without replacement, with a random number for each node of each block. */
export function drawn(run: Run, q: Distribution): Candidates {
  const block = run.generated.length;
  let left: Distribution | undefined = q;
  let promise = 1;
  return {
    drawnFrom: q,
    get promise() {
      return left ? promise : 0;
    },
    next(node) {
      if (!left) return undefined;
      const key: RandomKey = {
        seed: run.sampler.options.seed,
        stream: randomStreams.draft,
        step: block,
        position: node,
      };
      const token = sample(left, key);
      const probability = q.probs[q.ids.indexOf(token)];
      left = without(left, token);
      promise -= probability;
      return { token, probability };
    },
  };
}
