/** The recipe of the router: trees of steps are what their steps are one by one, and a short run makes a router. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generate } from '../../decode/generate.ts';
import { isBeginning } from '../../decode/speculative/reasoning-step.ts';
import { load } from '../../models/load.ts';
import { findTask, problems } from '../../tasks/index.ts';
import { openTrainable } from '../open-trainable.ts';
import { TrainingProgram } from '../program.ts';
import { trainRecipe } from '../train-recipe.ts';
import {
  arbitrage,
  balance,
  type Example,
  exampleOf,
  routerBatch,
  routerObjective,
  verdictsOn,
} from './arbitrage.ts';
import { chainSchema, chains } from './arbitrage-data.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-arbitrage-'));
afterAll(() => rm(root, { recursive: true }));

/** A chain whose second step was rewritten and whose last was kept. */
const prompt = [70, 71, 72];
const decisions = [
  { before: [], step: [60, 61, 13], right: true, targetRight: true },
  { before: [60, 61, 13], step: [62, 63, 13], right: false, targetRight: true },
  { before: [60, 61, 13, 62, 64, 13], step: [65, 0], right: true, targetRight: false },
];
const reasoning = { prompt, reference: [60, 61, 13, 62, 64, 13, 65, 0] };

describe('an example', () => {
  it('has a branch where a step was not taken', () => {
    const { tokens, parents, ends } = exampleOf(reasoning, decisions);
    // The branch begins where the steps differ.
    expect(tokens).toEqual([...prompt, ...reasoning.reference, 63, 13]);
    expect(parents.slice(0, 11)).toEqual([...Array(11).keys()].map((row) => row - 1));
    expect(ends.map(({ row }) => row)).toEqual([5, tokens.length - 1, 10]);
    for (const [n, { row }] of ends.entries()) {
      const path: number[] = [];
      for (let at = row; at >= 0; at = parents[at]) path.unshift(tokens[at]);
      expect(path).toEqual([...prompt, ...decisions[n].before, ...decisions[n].step]);
    }
    expect(ends.map(({ verdicts }) => verdicts.advantage)).toEqual([false, true, false]);
  });

  it('weighs yes and no alike', () => {
    const examples = [exampleOf(reasoning, decisions)];
    expect(balance(examples, 'advantage')).toEqual({ yes: 1.5, no: 0.75 });
    expect(balance(examples, 'right')).toEqual({ yes: 0.75, no: 1.5 });
  });

  it('has the loss and the gradients of its steps one by one', async () => {
    const { config, parameters, tokenizer, pad } = await openTrainable('house-draft');
    const shapes = new Map([...parameters].map(([name, { shape }]) => [name, shape]));
    await using program = await TrainingProgram.load(shapes, routerObjective(config), undefined, {
      threads: 1,
    });
    const balances = { advantage: { yes: 2, no: 0.5 }, right: { yes: 0.8, no: 1.3 } };
    const context = { tokenizer, balances, normalizer: 3 };
    const long = exampleOf({ ...reasoning, prompt: [75, ...prompt, 74] }, decisions);
    const batch = [exampleOf(reasoning, decisions), long];
    const together = await program.run(parameters, routerBatch(batch, pad, context));
    let loss = 0;
    const sums = new Map([...together.gradients].map(([name, g]) => [name, new Float64Array(g.length)]));
    for (const start of [prompt, [75, ...prompt, 74]])
      for (const decision of decisions) {
        const tokens = [...start, ...decision.before, ...decision.step];
        const parents = tokens.map((_, row) => row - 1);
        const ends = [{ row: tokens.length - 1, verdicts: verdictsOn(decision) }];
        const one: Example = { tokens, parents, ends };
        const alone = await program.run(parameters, routerBatch([one], pad, context));
        loss += alone.loss;
        for (const [name, gradient] of alone.gradients)
          for (const [i, g] of gradient.entries()) sums.get(name)![i] += g;
      }
    expect(together.loss).toBeCloseTo(loss, 4);
    for (const [name, gradient] of together.gradients) {
      const expected = sums.get(name)!;
      const scale = Math.max(...expected.map(Math.abs));
      for (let i = 0; i < gradient.length; i += 97)
        expect(Math.abs(gradient[i] - expected[i]), name).toBeLessThan(1e-3 * scale + 1e-7);
    }
  });
});

describe('chains', () => {
  it('are those of both models, and know which steps are right', async () => {
    await using target = await load('house-causal', { threads: 1 });
    await using draft = await load('house-draft', { threads: 1 });
    const { encode } = await openTrainable('house-causal');
    const set = problems(findTask('word-problems'), { split: 'train', seed: 4, level: 3 });
    const all = Array.from({ length: 6 }, (_, n) => {
      const { tokens, answerStart } = encode(set.at(n));
      return { prompt: [...tokens.subarray(0, answerStart)], reference: [...tokens.subarray(answerStart)] };
    });
    const made = await chains({ draft, target }, all, { first: 10, seed: 3 });
    for (const [n, chain] of made.entries()) {
      chainSchema.parse(chain);
      for (const { before, step, right } of chain) {
        expect(right).toBe(isBeginning([...before, ...step], all[n].reference));
        const { tokens } = await generate(
          draft,
          { tokens: [...all[n].prompt, ...before] },
          { maxTokens: step.length },
        ).result;
        expect(tokens).toEqual(step);
      }
    }
    expect(made.flat().some(({ right, targetRight }) => targetRight && !right)).toBe(true);
    // Whatever they are made with.
    expect(await chains({ draft, target }, all.slice(4), { first: 14, seed: 3 })).toEqual(made.slice(4));
  });
});

describe('the recipe', () => {
  it('lowers the loss, and makes a router with a card', async () => {
    const folder = join(root, 'run');
    const { log, model } = await trainRecipe(arbitrage, { folder, steps: 6, threads: 1 });
    expect(log.at(-1)!.loss).toBeLessThan(log[0].loss);
    const card = await readFile(join(model, 'README.md'), 'utf8');
    expect(card).toMatch(/\| advantage \| \d+\.\d% \| \d+\.\d% \| [\d.]+|NaN \|\n\| right \|/);
    const lines = (await readFile(join(folder, 'chains.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(1 + 36);
    await using router = await load(model, { threads: 1 });
    expect(router.config.vocabSize).toBe((await openTrainable('house-draft')).config.vocabSize);
  });
});
