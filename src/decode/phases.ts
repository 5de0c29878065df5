/**
 * The four phases of a decoding step, and their defaults: plain next-token decoding over a draft tree that may be
 * empty. A method replaces the phases it is about and keeps the others, so methods compose.
 *
 *   propose   which continuations are scored            default: what a constraint forces, or nothing
 *   score     one forward, logits shaped by processors  default: the sampling options' pipeline
 *   choose    what is committed                         default: walk the draft tree as long as it agrees
 *   remember  what stays in the K/V cache               default: the committed path
 *
 * Policy code sees typed arrays, never a session or a graph.
 */

import type { Forward, ScoreGroup, Scores } from '../models/forward.ts';
import type { Run } from './run.ts';
import type { Distribution } from './sampling/distribution.ts';
import type { LogitsProcessor } from './sampling/processors.ts';
import type { DraftToken } from './step.ts';

/** Draft tokens after the committed text, parents before children. */
export interface DraftTree {
  tokens: readonly number[];
  /** Index of each token's parent in `tokens`, -1 for a child of the committed text. Siblings differ. */
  parents: readonly number[];
  /**
   * What the children of the committed text ([0]) and of each node ([node + 1]) were drawn from, one after the other
   * and each without those before it; undefined where they were not drawn. Sampling options have been applied.
   */
  drawnFrom?: readonly (Distribution | undefined)[];
}

export interface Proposal {
  /** What to score; see `ScoreGroup`. Without any the model is not run in this step, and nothing is to be remembered. */
  groups: readonly ScoreGroup[];
  /** Draft tokens among the rows, for the step record. */
  draft: DraftTree;
  /** False when `remember` keeps none of the rows: their K/V then stay in the graph. Default true. */
  keeps?: boolean;
}

/** What `choose` decided. Tokens themselves are committed through `Run.commit`. */
export interface Choice {
  /** Indices in the draft tree of accepted tokens, in path order. */
  accepted: readonly number[];
}

export interface Phases {
  /** Awaited before the run's first step: reads what the method needs beside the model, such as trained weights. */
  prepare?(): Promise<void>;
  /** Awaited when the run has ended or was left, also when `prepare` failed: closes what that opened, writes what the method keeps. */
  conclude?(): Promise<void>;
  /** A promise where a model of its own has to run first; those of a batch are asked together. */
  propose(run: Run): Proposal | Promise<Proposal>;
  /** Extra logits processors, run after the user's sampling penalties. */
  readonly score?: readonly LogitsProcessor[];
  /** Copy logits out even when the sampling options alone would not need them. */
  readonly needsLogits?: boolean;
  /**
   * The method puts the prompt into its own proposals; otherwise the loop reads it into the cache first, in chunks.
   * Canvas methods do: what stands behind the prompt changes what the prompt's rows compute.
   */
  readonly readsPrompt?: boolean;
  /**
   * Tokens from the beginning of the prompt on that the loop caches, each seeing those before it, ahead of the next
   * proposal, which stands behind them and scores none of them: what does not see a canvas that it stands before.
   */
  context?(run: Run): readonly number[];
  choose(run: Run, proposal: Proposal, scores: readonly Scores[]): Choice;
  remember(run: Run, proposal: Proposal, choice: Choice, forward: Forward): void;
  /**
   * Told of rows of the run's own sequence that were just cached, in their order: the residual stream behind the last
   * layer [rows, hidden], see `Forward.states`. A view, valid until the next forward. A method that has it makes
   * forwards copy these rows out.
   */
  read?(run: Run, states: Float32Array): void;
}

export const emptyDraft: DraftTree = { tokens: [], parents: [] };

/** Most rows of forced text in a forward; beyond, they cost more than they save (see prompt-lookup.ts). */
const maxForced = 16;

/**
 * Text that the constraint leaves no choice about, as a draft: how the model cuts it into tokens is verified as any draft
 * is, so what is written is what would be written one by one.
 */
export function forcedDraft(run: Run): DraftTree {
  if (!run.constraint) return emptyDraft;
  const tokens = run.constraint.state(run.generated).forcedTokens();
  const drafted = tokens.slice(0, Math.max(0, Math.min(maxForced, run.remaining - 1)));
  return { tokens: drafted, parents: drafted.map((_, i) => i - 1) };
}

/** A proposal of the tokens not yet cached, followed by a draft tree, in one group of the run's own sequence. */
export function proposeDraft(run: Run, draft: DraftTree = emptyDraft): Proposal {
  const { sequence } = run;
  const pending = run.pending();
  const root = pending.length - 1;
  if (draft.tokens.length === 0) return { groups: [{ sequence, tokens: pending, scored: [root] }], draft };
  const tokens = [...pending, ...draft.tokens];
  const parents = [
    ...pending.map((_, row) => row - 1),
    ...draft.parents.map((parent) => (parent < 0 ? root : parent + pending.length)),
  ];
  const scored = Array.from({ length: draft.tokens.length + 1 }, (_, i) => root + i);
  return { groups: [{ sequence, tokens, parents, scored }], draft };
}

/** The child of `node` (-1 for the committed text) with this token; -1 when there is none. */
export function childOf({ tokens, parents }: DraftTree, node: number, token: number): number {
  return tokens.findIndex((drafted, i) => drafted === token && parents[i] === node);
}

/**
 * Walks the draft tree from its root: the model's choice at each node is committed; while it is one of the node's
 * children the walk goes on from there. The committed tokens are exactly those of decoding one by one, at any
 * temperature, because the choice at a position depends on its key and its logits alone.
 */
export function walkDraft(run: Run, { draft }: Proposal, [scores]: readonly Scores[]): Choice {
  const accepted: number[] = [];
  for (let node = -1; ; ) {
    const token = run.commit(scores, node + 1);
    const child = childOf(draft, node, token);
    if (child !== -1) accepted.push(child);
    if (child === -1 || run.finish) break;
    node = child;
  }
  return { accepted };
}

/** Caches the pending tokens and the accepted path of a proposal made by `proposeDraft`; returns their rows. */
export function rememberPath(
  run: Run,
  { groups, draft }: Proposal,
  { accepted }: Choice,
  forward: Forward,
): readonly number[] {
  const pending = groups[0].tokens.length - draft.tokens.length;
  const rows = Array.from({ length: pending }, (_, row) => row);
  for (const node of accepted) rows.push(pending + node);
  run.keep(run.sequence, forward.newRows, rows);
  return rows;
}

export const defaultPhases: Phases = {
  propose: (run) => proposeDraft(run, forcedDraft(run)),
  choose: walkDraft,
  remember: rememberPath,
};

/** The draft as the step record tells it. */
export function draftTokens(draft: DraftTree, accepted: readonly number[]): DraftToken[] {
  return draft.tokens.map((token, i) => ({
    token,
    parent: draft.parents[i],
    accepted: accepted.includes(i),
  }));
}
