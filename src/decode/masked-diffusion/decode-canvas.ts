/**
 * Decoding on a canvas, as phases of the one loop: each step runs prompt and canvas through the model with every row
 * seeing every other, and commits some of the masked positions for good (LLaDA, Nie et al. 2025, arXiv:2502.09992).
 *
 *   propose   the canvas, with guidance once more without the prompt, and a method's drafts of it
 *   choose    token and confidence of each position looked at, then the commit rule; again for a draft that is right
 *   remember  nothing, as any token that changes, changes the keys and values of all; with a cache what lies outside of
 *             the block, see block-cache.ts.
 *
 * Where the prompt does not see the canvas, it is in the cache from the start, and so is every block once it is full: each
 * block is a canvas of its own behind it, and what follows is not there yet (DiffusionGemma).
 *
 * A method calls `decodeCanvas` with the parts it is about, see parts.ts.
 */

import type { DraftTree, Phases } from '../phases.ts';
import type { Run } from '../run.ts';
import { BlockCache } from './block-cache.ts';
import { Canvas } from './canvas.ts';
import { CanvasConstraint, type Turn } from './constraint.ts';
import { blockLengths, layoutOf, refuse } from './layout.ts';
import type { CanvasOptions } from './options.ts';
import type { CanvasView, Look, Parts, Placement, Predictions } from './parts.ts';
import { predictor } from './predict.ts';
import { stopAfterBlock } from './stop-after-block.ts';
import { rowsOf, type View } from './view.ts';

/** The masked positions of the block: all that most methods need. */
const lookAtBlock: Look = (canvas) => canvas.masked(canvas.block.start, canvas.block.end);

/** Drafted placements as the step record tells them: a chain. */
function chainOf(drafts: readonly (readonly Placement[])[]): DraftTree {
  const tokens = drafts.flat().map(({ token }) => token);
  return { tokens, parents: tokens.map((_, index) => index - 1) };
}

const same = (a: Int32Array, b: Int32Array): boolean =>
  a.length === b.length && a.every((token, position) => token === b[position]);

/**
 * The phases of a method on a canvas.
 * @throws QuickstepError 'bad-option' or 'bad-input' when the canvas cannot be laid out, see `layoutOf`, or a constraint has
 * no room on it, see `CanvasConstraint`.
 */
export function decodeCanvas(run: Run, options: CanvasOptions, parts: Parts): Partial<Phases> {
  // No room for a single token: the loop ends such a run before it proposes anything.
  if (run.finish) return {};
  const { masking, prompt } = run;
  if (!masking) throw new Error('the model fills no canvas');
  const layout = layoutOf(options, run);
  const { look = lookAtBlock, blocks = blockLengths(layout) } = parts;
  const constraint = run.constraint && new CanvasConstraint(run.constraint.constraint, layout.length);
  if (constraint && options.logitsEosInf)
    refuse('logitsEosInf', 'a constrained answer ends with an end token', 'Leave it out.');
  const guided = options.cfgScale > 0;
  if (guided && masking.causalPrompt)
    refuse('cfgScale', 'this model reads a prompt once, and so has none to hide', 'Leave it out.');
  const { needsLogits, predict } = predictor(run, options, parts, constraint);
  const endBlock = options.earlyStop === 'block' ? stopAfterBlock(run.eosIds) : undefined;
  // What stands behind the end of a constrained answer is nobody's.
  run.openCanvas(constraint?.length ?? layout.length, {
    whole: !constraint && options.earlyStop !== 'answer',
  });
  placeCertain(constraint?.fixed ?? []);
  if (run.finish) return {};
  const canvas = new Canvas({ prompt, masking, tokens: run.canvas!, blocks, seed: run.sampler.options.seed });
  const cache = new BlockCache(run, masking.causalPrompt ? 'none' : options.cache, guided ? 2 : 1);
  /** What is asked about; behind a causal context nothing but the block is there. */
  const visible = (view: Canvas): readonly number[] =>
    masking.causalPrompt ? look(view).filter((position) => position < view.block.end) : look(view);
  let drafts: readonly (readonly Placement[])[] = [];
  let views: readonly View[] = [];

  function placeCertain(placements: readonly Placement[]): void {
    for (const { position, token } of placements) run.place(position, { token, logprob: 0 });
  }

  /** What the commit rule makes of predictions, on this canvas or on one that may come to be. */
  function turn(predictions: Predictions, on: CanvasView): Turn {
    const asked = parts.commit(predictions, on);
    return constraint?.turn(asked, predictions, on.tokens) ?? { committed: asked, forced: [] };
  }

  function placementsOf(predictions: Predictions, on: CanvasView): Placement[] {
    const { committed, forced } = turn(predictions, on);
    const { positions, tokens } = predictions;
    return [...committed.map((index) => ({ position: positions[index], token: tokens[index] })), ...forced];
  }

  /** One turn of the commit rule. Returns how many it has committed. */
  function commit(predictions: Predictions): number {
    const { committed, forced } = turn(predictions, canvas);
    for (const index of committed) run.place(predictions.positions[index], predictions.choice(index));
    placeCertain(forced);
    if (parts.hold)
      canvas.held = new Map(parts.hold(predictions, canvas).map(({ position, token }) => [position, token]));
    parts.afterCommit?.(committed, predictions, canvas);
    for (const stop of constraint ? [] : [parts.stop, endBlock]) {
      const end = stop?.(committed, predictions, canvas);
      if (end === undefined) continue;
      run.cropCanvas(end);
      canvas.tokens = run.canvas!;
    }
    canvas.advance();
    return committed.length + forced.length;
  }

  /** Which view shows the canvas as it is now, -1 for none; `at` is the one that was committed from. */
  function nextView(at: number, committed: number): number {
    if (run.finish) return -1;
    const fed = canvas.fed();
    if (parts.drafts && committed === 0 && same(views[at].fed, fed)) return at;
    return views.findIndex(
      (view, i) => i > at && same(view.canvas.tokens, canvas.tokens) && same(view.fed, fed),
    );
  }

  return {
    readsPrompt: true,
    ...(masking.causalPrompt && {
      context: () => [...prompt, ...canvas.tokens.subarray(0, canvas.block.start)],
    }),
    needsLogits,
    propose: () => {
      const canvases = [canvas];
      for (const placements of drafts) canvases.push(canvases[canvases.length - 1].after(placements));
      views = cache.scorable(
        canvases.map((view) => ({ canvas: view, positions: visible(view), fed: view.fed() })),
      );
      drafts = drafts.slice(0, views.length - 1);
      const groups = views.flatMap((view) => rowsOf(view, cache.frame(view)));
      return { groups, draft: chainOf(drafts), keeps: cache.begins };
    },
    choose: (_run, _proposal, scores) => {
      const size = guided ? 2 : 1;
      let accepted = 0;
      for (let at = 0; ; ) {
        const [conditional, unconditional] = scores.slice(at * size, (at + 1) * size);
        const predictions = predict(canvas, views[at].positions, conditional, unconditional);
        const next = nextView(at, commit(predictions));
        if (next === -1) {
          drafts = run.finish ? [] : (parts.drafts?.(predictions, canvas, placementsOf) ?? []);
          break;
        }
        at = next;
        accepted = drafts.slice(0, at).flat().length;
      }
      return { accepted: Array.from({ length: accepted }, (_, index) => index) };
    },
    remember: (_run, _proposal, _choice, forward) => cache.remember(canvas, forward),
  };
}
