/**
 * The heart of lossless decoding: with int8 weights and exact attention, what the model says about a token is the same
 * in every bit however its rows were grouped. Each plan runs one text in random pieces, as chunks, as a path of a
 * draft tree, beside other sequences of its cache, beside other lanes of its batch, on a fork, after rejected drafts
 * and after compaction, and must repeat the logits of running it one token at a time.
 */

import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixture } from '../../test/golden/models/golden.ts';
import type { KvBatch, KvCache, Sequence } from '../cache/index.ts';
import type { ScoreGroup, ScoreLane, Scores } from './forward.ts';
import type { LanguageModel } from './language-model.ts';
import { loadTiny, range } from './testing/tiny.ts';

const stories = fileURLToPath(new URL('../../models/stories260k', import.meta.url));
const textLength = 72;

/** How the next `rows` tokens are run. */
type Piece =
  | { kind: 'chunk'; rows: number }
  /** A path of a tree with so many decoys before each of its rows. */
  | { kind: 'tree'; rows: number; decoys: number }
  /** Together with rows of another sequence, before or behind it. */
  | { kind: 'batch'; rows: number; others: number; first: boolean }
  /** Beside rows of some other lanes; lanes left out between them are padding. Every lane is opened when it is missing. */
  | { kind: 'lanes'; rows: number; others: number; chosen: number; first: boolean }
  /** After all other lanes were closed, which moves this one. */
  | { kind: 'leave'; rows: number }
  /** After a draft that was committed and cropped again. */
  | { kind: 'rejected'; rows: number; draft: number }
  /** On a fork, after which the original is freed. */
  | { kind: 'fork'; rows: number }
  /** After the other sequence left holes that compaction closed. */
  | { kind: 'compact'; rows: number };

const rows = fc.constantFrom(1, 1, 2, 3, 5, 8, 16);
const few = fc.integer({ min: 1, max: 4 });
const piece: fc.Arbitrary<Piece> = fc.oneof(
  fc.record({ kind: fc.constant('chunk' as const), rows }),
  fc.record({ kind: fc.constant('tree' as const), rows, decoys: few }),
  fc.record({ kind: fc.constant('batch' as const), rows, others: rows, first: fc.boolean() }),
  fc.record({
    kind: fc.constant('lanes' as const),
    rows,
    others: rows,
    chosen: fc.integer({ min: 1, max: 7 }),
    first: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('leave' as const), rows }),
  fc.record({ kind: fc.constant('rejected' as const), rows, draft: rows }),
  fc.record({ kind: fc.constant('fork' as const), rows }),
  fc.record({ kind: fc.constant('compact' as const), rows }),
);

/** What the model says about one token. */
interface Answer {
  logits: Float32Array;
  topToken: number;
  topLogProb: number;
}

/** Runs a text by a plan and keeps the answer for each of its tokens. */
class PlanRun {
  readonly #model: LanguageModel;
  readonly #ids: readonly number[];
  readonly #batch: KvBatch;
  readonly #cache: KvCache;
  #neighbours: { cache: KvCache; sequence: Sequence }[] = [];
  #sequence: Sequence;
  #other: Sequence;
  readonly answers: Answer[] = [];

  constructor(model: LanguageModel, ids: readonly number[]) {
    this.#model = model;
    this.#ids = ids;
    this.#batch = model.newBatch();
    this.#openLane();
    this.#cache = this.#batch.open();
    this.#sequence = this.#cache.slots.createSequence();
    this.#other = this.#cache.slots.createSequence();
  }

  get left(): number {
    return this.#ids.length - this.answers.length;
  }

  #openLane(): void {
    const cache = this.#batch.open();
    this.#neighbours.push({ cache, sequence: cache.slots.createSequence() });
  }

  /** Tokens that are not the text's. */
  #noise(count: number): number[] {
    return range(count).map((i) => (7 + 13 * (this.answers.length + i)) % this.#model.config.vocabSize);
  }

  async run(step: Piece): Promise<void> {
    const { slots, store } = this.#cache;
    const tokens = this.#ids.slice(this.answers.length, this.answers.length + step.rows);
    if (tokens.length === 0) return;
    const chain: ScoreGroup = { sequence: this.#sequence, tokens, scored: range(tokens.length) };
    if (step.kind === 'lanes') return this.#runLanes(chain, step);
    if (step.kind === 'tree') return this.#runTree(tokens, step.decoys);
    if (step.kind === 'batch') {
      const others = { sequence: this.#other, tokens: this.#noise(step.others), scored: [0] };
      return this.#score(step.first ? [others, chain] : [chain, others], chain.scored);
    }
    if (step.kind === 'rejected') {
      const before = this.#sequence.length;
      const draft = this.#noise(step.draft);
      const { newRows } = await this.#model.forward(this.#cache, [
        { sequence: this.#sequence, tokens: draft, scored: [] },
      ]);
      this.#cache.commit(this.#sequence, newRows, range(draft.length));
      slots.crop(this.#sequence, before);
    }
    if (step.kind === 'fork') {
      const fork = slots.fork(this.#sequence);
      slots.free(this.#sequence);
      this.#sequence = fork;
    }
    if (step.kind === 'compact') {
      slots.free(this.#other);
      this.#other = slots.createSequence();
      store.move(slots.compact(), this.#cache.lane);
      this.#cache.compactIfSparse();
    }
    if (step.kind === 'leave') {
      for (const { cache } of this.#neighbours) this.#batch.close(cache);
      this.#neighbours = [];
    }
    await this.#score([{ ...chain, sequence: this.#sequence }], chain.scored);
  }

  async #runLanes(chain: ScoreGroup, step: Extract<Piece, { kind: 'lanes' }>): Promise<void> {
    while (this.#neighbours.length < 3) this.#openLane();
    const chosen = this.#neighbours.filter((_, i) => (step.chosen >> i) & 1);
    const noise = this.#noise(step.others);
    const lanes: ScoreLane[] = chosen.map(({ cache, sequence }) => ({
      cache,
      groups: [{ sequence, tokens: noise, scored: [0] }],
    }));
    const ours = step.first ? 0 : lanes.length;
    lanes.splice(ours, 0, { cache: this.#cache, groups: [chain] });
    const forwards = await this.#model.forwardLanes(lanes, { logits: true });
    forwards.forEach((forward, lane) => {
      const { cache, groups } = lanes[lane];
      if (lane === ours) this.#keep(forward.scores[0], chain.scored.length);
      cache.commit(groups[0].sequence, forward.newRows, range(groups[0].tokens.length));
    });
  }

  async #runTree(tokens: readonly number[], decoys: number): Promise<void> {
    const tree: number[] = [];
    const parents: number[] = [];
    const path: number[] = [];
    for (const token of tokens) {
      const parent = path.at(-1) ?? -1;
      this.#noise(decoys).forEach((decoy, i) => {
        // A child of the path, then a grandchild.
        parents.push(i % 2 === 0 ? parent : tree.length - 1);
        tree.push(decoy);
      });
      path.push(tree.length);
      parents.push(parent);
      tree.push(token);
    }
    await this.#score([{ sequence: this.#sequence, tokens: tree, parents, scored: path }], path);
  }

  /** Runs the groups, keeps the answers of ours and commits its rows `path`, and all rows of the others. */
  async #score(groups: ScoreGroup[], path: ArrayLike<number>): Promise<void> {
    const { scores, newRows, offsets } = await this.#model.forward(this.#cache, groups, { logits: true });
    groups.forEach(({ sequence, tokens }, group) => {
      const ours = sequence === this.#sequence;
      if (ours) this.#keep(scores[group], path.length);
      const rows = ours ? Array.from(path) : range(tokens.length);
      this.#cache.commit(
        sequence,
        newRows,
        rows.map((row) => offsets[group] + row),
      );
    });
  }

  #keep(scores: Scores, count: number): void {
    for (const i of range(count)) {
      const logits = scores.logits(i).slice();
      this.answers.push({ logits, topToken: scores.topToken(i), topLogProb: scores.topLogProb(i) });
    }
  }
}

async function runPlan(
  model: LanguageModel,
  ids: readonly number[],
  plan: readonly Piece[],
): Promise<Answer[]> {
  const run = new PlanRun(model, ids);
  for (const step of plan) await run.run(step);
  if (run.left > 0) await run.run({ kind: 'chunk', rows: run.left });
  return run.answers;
}

/** Compares by hand: the general comparison takes longer than the model. */
function expectSameBits(actual: readonly Answer[], expected: readonly Answer[]): void {
  expect(actual).toHaveLength(expected.length);
  const different = range(expected.length).filter((token) => {
    const [a, b] = [actual[token], expected[token]];
    return (
      a.topToken !== b.topToken || a.topLogProb !== b.topLogProb || a.logits.some((x, i) => x !== b.logits[i])
    );
  });
  expect(different, 'tokens with other bits').toEqual([]);
}

const checkpoints = [
  ...['llama', 'llama-wide-heads', 'llama-multi-head', 'mistral', 'qwen2', 'qwen3'].map((name) => ({
    name,
    path: fixture(name),
  })),
  { name: 'stories260k', path: stories },
];

describe.each(checkpoints)('$name: the same bits however rows are grouped', ({ path }) => {
  let model: LanguageModel;
  let ids: number[];
  let alone: Answer[];

  beforeAll(async () => {
    model = await loadTiny(path, { precision: 'w8a8' });
    ids = range(textLength).map((i) => (3 + i * i * 31 + i) % model.config.vocabSize);
    alone = await runPlan(
      model,
      ids,
      range(textLength).map(() => ({ kind: 'chunk', rows: 1 })),
    );
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it.each([2, 3, 5, 8, 16, textLength])('chunks of %i', async (size) => {
    const plan = range(textLength).map(() => ({ kind: 'chunk' as const, rows: size }));
    expectSameBits(await runPlan(model, ids, plan), alone);
  });

  it('any plan', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 24 }), async (plan) => {
        expectSameBits(await runPlan(model, ids, plan), alone);
      }),
      { numRuns: 20, seed: 1 },
    );
  });
});
