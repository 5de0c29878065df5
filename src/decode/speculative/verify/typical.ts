/**
 * Typical acceptance (Medusa, arXiv:2401.10774, section 2.3.1): a drafted token is good enough when the model does not
 * find it unlikely for a place as uncertain as that,
 *
 *   p(x) > min(ε, δ exp(-H(p))),  H the entropy of p in nats,
 *
 * and so is its parent. The longest such path is committed, the most probable of several, and one token drawn behind
 * it. Not lossless: the output is the drafter's where the model has no strong opinion.
 */

import type { Scores } from '../../../models/forward.ts';
import { type Phases, type Proposal, walkDraft } from '../../phases.ts';
import type { Run } from '../../run.ts';
import { type Distribution, probabilityOf } from '../../sampling/distribution.ts';

export interface TypicalOptions {
  /** ε: a token this probable is always good enough. */
  epsilon: number;
  /** δ: share of exp(-H), which is 1 / n where n tokens are equally probable. */
  delta: number;
}

/** The paper's ε, and δ = √ε. */
export const typicalDefaults: TypicalOptions = { epsilon: 0.09, delta: 0.3 };

/** min(ε, δ exp(-H(p))). */
export function typicalBar({ probs }: Distribution, { epsilon, delta }: TypicalOptions): number {
  let entropy = 0;
  for (const probability of probs) entropy -= probability * Math.log(probability);
  return Math.min(epsilon, delta * Math.exp(-entropy));
}

/** A rule that accepts typical drafts; at temperature 0 the walk that takes what the model would. */
export function typicalDraft(options: TypicalOptions = typicalDefaults): Phases['choose'] {
  return (run, proposal, scores) => {
    if (run.sampler.options.temperature === 0) return walkDraft(run, proposal, scores);
    const path = longestTypical(run, proposal, scores[0], options);
    const accepted: number[] = [];
    for (const node of path) {
      const logits = scores[0].logits(proposal.draft.parents[node] + 1);
      run.push(run.sampler.report(logits, [proposal.draft.tokens[node]])[0]);
      accepted.push(node);
      if (run.finish) return { accepted };
    }
    run.commit(scores[0], (path.at(-1) ?? -1) + 1);
    return { accepted };
  };
}

/** Nodes of the longest path that is typical all along, the most probable of equally long ones. */
function longestTypical(run: Run, { draft }: Proposal, scores: Scores, options: TypicalOptions): number[] {
  const { tokens, parents } = draft;
  /** By node + 1: the tokens to it, and the log probability; undefined where it is not typical. */
  const paths: ({ nodes: number[]; logProb: number } | undefined)[] = [{ nodes: [], logProb: 0 }];
  const judged = new Map<number, { p: Distribution; bar: number }>();
  let best = paths[0]!;
  for (const [node, token] of tokens.entries()) {
    const parent = parents[node];
    const before = paths[parent + 1];
    if (!before) {
      paths.push(undefined);
      continue;
    }
    let judge = judged.get(parent);
    if (!judge) {
      const p = run.distribution(
        scores.logits(parent + 1),
        before.nodes.map((n) => tokens[n]),
      );
      judge = { p, bar: typicalBar(p, options) };
      judged.set(parent, judge);
    }
    const probability = probabilityOf(judge.p, token);
    const path =
      probability > judge.bar
        ? { nodes: [...before.nodes, node], logProb: before.logProb + Math.log(probability) }
        : undefined;
    paths.push(path);
    if (!path) continue;
    const longer = path.nodes.length - best.nodes.length;
    if (longer > 0 || (longer === 0 && path.logProb > best.logProb)) best = path;
  }
  return best.nodes;
}
