/**
 * Speculative sampling (Leviathan et al. 2023, arXiv:2211.17192; Chen et al. 2023, arXiv:2302.01318), over trees with
 * several children as multi-round rejection (SpecInfer, arXiv:2305.09781; without replacement Jeon et al. 2024,
 * arXiv:2402.14160). At a node with the model's distribution p and children x₁, x₂, … drawn one after the other from q,
 * each without those before it:
 *
 *   r ← p;  for each child x:  accept x with probability min(1, r(x) / q(x)), otherwise
 *                              r ← norm(max(0, r - q)),  q ← norm(q without x)
 *   when none was accepted, draw from r.
 *
 * Whatever q is, the tokens are distributed as the model's. A child that was not drawn counts as drawn from a point
 * mass: it is accepted with probability r(x), and r loses it.
 */

import type { Scores } from '../../../models/forward.ts';
import { type Choice, type DraftTree, type Proposal, walkDraft } from '../../phases.ts';
import { randomStreams, uniform } from '../../random.ts';
import type { Run } from '../../run.ts';
import {
  type Distribution,
  pointMass,
  probabilityOf,
  residual,
  without,
} from '../../sampling/distribution.ts';

/** Accepts or resamples drafts; at temperature 0 the walk that takes what the model would. */
export function resampleDraft(run: Run, proposal: Proposal, scores: readonly Scores[]): Choice {
  if (run.sampler.options.temperature === 0) return walkDraft(run, proposal, scores);
  const { draft } = proposal;
  const accepted: number[] = [];
  const block = run.generated.length;
  for (let node = -1; ; ) {
    const logits = scores[0].logits(node + 1);
    const { child, rest } = refine(run, draft, node, run.distribution(logits), block);
    const position = run.generated.length;
    const key = { seed: run.sampler.options.seed, stream: randomStreams.residual, step: 0, position };
    const token = child === -1 ? run.sampler.sample(rest, key) : draft.tokens[child];
    run.push(run.sampler.report(logits, [token])[0]);
    if (child !== -1) accepted.push(child);
    if (child === -1 || run.finish) return { accepted };
    node = child;
  }
}

/** The child of `node` that is accepted, -1 for none, and then what to draw from. */
function refine(
  run: Run,
  { tokens, parents, drawnFrom }: DraftTree,
  node: number,
  p: Distribution,
  block: number,
): { child: number; rest: Distribution } {
  const { seed } = run.sampler.options;
  let rest = p;
  let drawn = drawnFrom?.[node + 1];
  for (const [child, token] of tokens.entries()) {
    if (parents[child] !== node) continue;
    const q = drawn ?? pointMass(token);
    // One number for each node of each block: a draft at this place in another block says nothing about it.
    const u = uniform({ seed, stream: randomStreams.accept, step: block, position: child });
    if (u * probabilityOf(q, token) < probabilityOf(rest, token)) return { child, rest };
    rest = residual(rest, q) ?? rest;
    drawn = drawn && without(drawn, token);
  }
  return { child: -1, rest };
}
