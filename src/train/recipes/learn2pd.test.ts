/** The recipe of the filter, from a teacher of random weights to decoding with it. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generate } from '../../decode/generate.ts';
import { ConfidenceFilter, filterShapes } from '../../decode/masked-diffusion/confidence-filter.ts';
import { openFilter } from '../../decode/masked-diffusion/confidence-filter-disk.ts';
import { uniform } from '../../decode/random.ts';
import { someFilter } from '../../decode/testing/filters.ts';
import { float32 } from '../../graph/types.ts';
import { load } from '../../models/load.ts';
import { TrainingProgram } from '../program.ts';
import { writeTinyDiffusion } from '../testing/tiny-diffusion.ts';
import { trainRecipe } from '../train-recipe.ts';
import { filterObjective, learn2pdRecipe } from './learn2pd.ts';
import { blockLength, type Trajectory, trajectorySchema, vectorsOf } from './learn2pd-data.ts';

const root = await mkdtemp(join(tmpdir(), 'quickstep-learn2pd-'));
afterAll(() => rm(root, { recursive: true }));
const teacher = join(root, 'teacher');
const run = join(root, 'run');
const train = (more: object = {}) =>
  trainRecipe(learn2pdRecipe(teacher), { folder: run, steps: 2, threads: 1, ...more });

describe('the objective', () => {
  const count = 5;
  const filter = someFilter({ blockLength, seed: 6 });
  const draw = (step: number) =>
    Float32Array.from({ length: count * blockLength }, (_, position) =>
      uniform({ seed: 1, stream: 301, step, position }),
    );
  const confidence = draw(1);
  const right = draw(2).map((u) => (u < 0.6 ? 1 : 0));

  /** Mean of -ln of the probability of what is so, by the filter as it decodes. */
  function plainLoss(
    { facts, weights }: ConfidenceFilter,
    change?: { name: string; at: number; by: number },
  ) {
    const moved = new Map([...weights].map(([name, data]) => [name, Float64Array.from(data)]));
    if (change) moved.get(change.name)![change.at] += change.by;
    const wide = new ConfidenceFilter(facts, moved as unknown as ReadonlyMap<string, Float32Array>);
    let loss = 0;
    for (let row = 0; row < count; row++) {
      const at = row * blockLength;
      const p = wide.probabilities(confidence.subarray(at, at + blockLength));
      for (const [place, q] of p.entries()) loss -= Math.log(right[at + place] === 1 ? q : 1 - q);
    }
    return loss / confidence.length;
  }

  it('has the loss and the gradients of binary cross entropy', async () => {
    const shapes = filterShapes(filter.facts);
    await using program = await TrainingProgram.load(shapes, filterObjective, undefined, { threads: 1 });
    const parameters = new Map(
      [...filter.weights].map(([name, data]) => [name, float32(shapes.get(name)!, data)]),
    );
    const { loss, gradients } = await program.run(parameters, {
      confidence: float32([count, blockLength], confidence),
      right: float32([count, blockLength], right),
    });
    expect(loss).toBeCloseTo(plainLoss(filter), 5);
    const h = 1e-5;
    for (const [name, gradient] of gradients) {
      for (let at = 0; at < gradient.length; at += 37) {
        const slope =
          (plainLoss(filter, { name, at, by: h }) - plainLoss(filter, { name, at, by: -h })) / (2 * h);
        expect(Math.abs(gradient[at] - slope)).toBeLessThan(1e-5);
      }
    }
  });
});

/** What is masked after a step of the oracle; nothing when that ends the block. */
function stillMasked({ masked, right }: Trajectory[number]): string {
  const left = Array.from(masked, (flag, place) => (right[place] === '1' ? '0' : flag)).join('');
  // Where nothing was right the answer is written.
  return left === masked || !left.includes('1') ? '' : left;
}

describe('the recipe', () => {
  let lines: string[];
  beforeAll(async () => {
    await writeTinyDiffusion(teacher);
    await train();
    lines = (await readFile(join(run, 'trajectories.jsonl'), 'utf8')).trimEnd().split('\n');
  });

  it('learns from the steps of the oracle, in which all is decided that was right before', () => {
    expect(lines).toHaveLength(25);
    let steps = 0;
    for (const line of lines.slice(1)) {
      const trajectory = trajectorySchema.parse(JSON.parse(line));
      expect(trajectory.length).toBeGreaterThan(0);
      steps += trajectory.length;
      expect(trajectory[0].masked).toMatch(/^1+0*$/);
      for (const [n, { masked }] of trajectory.entries()) {
        const left = trajectory[n - 1] ? stillMasked(trajectory[n - 1]) : '';
        expect(masked).toMatch(left === '' ? /^1+0*$/ : new RegExp(`^${left}$`));
      }
    }
    const all = vectorsOf(lines.slice(1).map((line) => trajectorySchema.parse(JSON.parse(line))));
    expect(all.count).toBe(steps);
    expect(all.confidence).toHaveLength(steps * blockLength);
  });

  it('lowers the loss, and makes a filter that the method decodes with', async () => {
    const { log, model } = await train();
    expect(log[1].loss).toBeLessThan(log[0].loss);
    const { facts } = await openFilter(model);
    expect(facts).toMatchObject({ model: teacher, blockLength, maskTokenId: 1, shiftLogits: true });
    const card = await readFile(join(model, 'README.md'), 'utf8');
    expect(card).toContain(`| the filter | ${facts.tau.toFixed(4)} |`);
    expect(card).toContain(`| confidence | ${facts.confidence.toFixed(4)} |`);
    await using language = await load(teacher, { threads: 1 });
    const options = {
      method: 'learn2pd',
      maxTokens: 32,
      methodOptions: { filter: model, tau: 0.3, eotp: 'off' },
    };
    const { forwards } = await generate(language, [{ role: 'user', content: '1+1' }], options).result;
    expect(forwards).toBeLessThanOrEqual(32);
  });

  it('generates nothing twice, and only what is missing after an interruption', async () => {
    const told: number[] = [];
    const onAnswers = (done: number) => told.push(done);
    const before = await readFile(join(run, 'model', 'filter.safetensors'));
    await train({ onAnswers });
    expect(told).toEqual([]);
    await writeFile(join(run, 'trajectories.jsonl'), `${lines.slice(0, 18).join('\n')}\n`);
    await train({ onAnswers });
    expect(told).toEqual([17, 24]);
    expect((await readFile(join(run, 'trajectories.jsonl'), 'utf8')).trimEnd().split('\n')).toEqual(lines);
    expect(await readFile(join(run, 'model', 'filter.safetensors'))).toEqual(before);
  });

  it("begins anew with another teacher's weights", async () => {
    await writeTinyDiffusion(teacher, { seed: 6 });
    const told: number[] = [];
    await train({ onAnswers: (done: number) => told.push(done) });
    expect(told).toEqual([0, 24]);
  });

  it('refuses a teacher without a mask token', async () => {
    const wrong = trainRecipe(learn2pdRecipe('house-draft'), { folder: join(root, 'wrong'), steps: 5 });
    await expect(wrong).rejects.toMatchObject({ code: 'unsupported' });
  });
});
