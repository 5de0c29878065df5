/**
 * Every proof from end to end on a handful of problems: what it says must be well formed, and consistent in itself. Whether
 * a claim holds is asked with as many problems as that takes: quickstep prove.
 */

import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findMethod } from '../decode/registry.ts';
import type { LanguageModel } from '../models/language-model.ts';
import { load } from '../models/load.ts';
import { loadCatalogue } from '../papers/catalogue.ts';
import { type Measurement, measurementJson } from '../tasks/measure.ts';
import { OFFLINE_MODEL } from '../weights/known-models.ts';
import { findHouse } from '../weights/source-local.ts';
import { accuracyKept, asFast, controlOf, sameAnswers } from './checks.ts';
import { wordProblems } from './house-tasks.ts';
import { prove } from './prove.ts';
import { findProof, proofs } from './registry.ts';

describe.each([...proofs.values()])('$slug', (proof) => {
  let model: LanguageModel;
  beforeAll(async () => {
    // One that would have to be fetched is stood in for.
    model = await load((await findHouse(proof.model)) ? proof.model : OFFLINE_MODEL);
  });
  afterAll(() => model[Symbol.asyncDispose]());

  it('is about a paper and a method that there are', async () => {
    const papers = await loadCatalogue();
    const paper = papers.find(({ slug }) => slug === proof.slug);
    // A system is a way of running methods.
    if (paper?.family !== 'systems') expect(findMethod(proof.slug).slug).toBe(paper?.slug);
    const source = await readFile(new URL(`./${proof.slug}.ts`, import.meta.url), 'utf8');
    expect(source).toContain(`slug: '${proof.slug}'`);
  });

  it('runs', async () => {
    const samples = 1;
    const verdict = await prove(proof, model, { samples, seed: 77 });
    const { measured, baseline, ratio, threshold, conditions, measurements, controls, figures } = verdict;
    expect(measured).toBeGreaterThan(0);
    expect(ratio).toBe(baseline / measured);
    expect(threshold).toBe(proof.threshold);
    expect(verdict.holds).toBe(ratio >= threshold && conditions.every(({ holds }) => holds));
    expect(conditions.length).toBeGreaterThan(0);
    for (const { head, rows } of figures) for (const row of rows) expect(row).toHaveLength(head.length);
    // What is below is about answers that are right or wrong.
    if (proof.gain) return;
    expect(measured).toBeGreaterThanOrEqual(1);
    expect(baseline).toBeLessThanOrEqual(Math.max(...proof.tasks.map(({ maxTokens }) => maxTokens)));
    expect(controls.length).toBeGreaterThan(0);
    const labels = measurements.map(({ decoding: { label } }) => label);
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels).toContain(proof.decoding.label);
    const json = measurements.map((one) => measurementJson(one, measurements[0]));
    for (const { tasks, all } of json) {
      expect(tasks.map((task) => task.samples)).toEqual(proof.tasks.map(() => samples));
      expect(all.samples).toBe(samples * proof.tasks.length);
      expect(all.low).toBeLessThanOrEqual(all.accuracy);
      expect(all.high).toBeGreaterThanOrEqual(all.accuracy);
      for (const value of Object.values(all))
        if (typeof value === 'number') expect(value).toSatisfy(Number.isFinite);
    }
    // Losslessness is no matter of how many problems are asked.
    if (['freedave', 'draft-alignment', 'medusa'].includes(proof.slug))
      for (const { holds } of conditions) expect(holds).toBe(true);
  });
});

it('names the proofs there are', () => {
  expect(() => findProof('magnet')).toThrow('There is no proof of "magnet". Proofs: freedave, ');
});

describe('checks', () => {
  /** A measurement of one task from right answers and forwards. */
  const measured = (label: string, right: readonly boolean[], forwards: number): Measurement => ({
    decoding: { label, method: 'diffusion' },
    tasks: [
      {
        task: wordProblems,
        outcomes: right.map((correct, i) => ({
          correct,
          forwards,
          steps: forwards,
          rows: forwards,
          tokens: [i, correct ? 1 : 0],
        })),
        seconds: 1,
      },
    ],
  });
  const right = (count: number, of: number) => Array.from({ length: of }, (_, i) => i < count);

  it('lets two points go, no more', () => {
    const baseline = measured('plain', right(90, 100), 8);
    const holds = (count: number) =>
      accuracyKept(measured('fast', right(count, 100), 2), baseline).map((condition) => condition.holds);
    expect(holds(100)).toEqual([true, true]);
    expect(holds(88)).toEqual([true, true]);
    expect(holds(87)).toEqual([false, true]);
    expect(holds(60)).toEqual([false, false]);
  });

  it('sees a task that is surely worse behind others that are better', () => {
    const [a, b] = [measured('plain', right(50, 100), 8), measured('plain', right(50, 100), 8)];
    const baseline = { ...a, tasks: [...a.tasks, ...b.tasks] };
    const [better, worse] = [measured('fast', right(90, 100), 2), measured('fast', right(20, 100), 2)];
    const ours = { ...better, tasks: [...better.tasks, ...worse.tasks] };
    expect(accuracyKept(ours, baseline).map(({ holds }) => holds)).toEqual([true, false]);
  });

  it('takes the slowest control that is as fast', () => {
    const controls = [4, 1, 3, 2].map((forwards) => measured(`in ${forwards}`, right(1, 2), forwards));
    const fast = (forwards: number) =>
      asFast(measured('ours', right(1, 2), forwards), controls).decoding.label;
    expect([9, 3.5, 2, 0.5].map(fast)).toEqual(['in 4', 'in 3', 'in 2', 'in 1']);
  });

  it('tells controls apart where the interval does', () => {
    const verdict = (ours: number, theirs: number) =>
      controlOf(measured('a', right(ours, 100), 2), measured('b', right(theirs, 100), 2)).verdict;
    expect([verdict(90, 50), verdict(50, 90), verdict(51, 50)]).toEqual([
      'better',
      'worse',
      'not told apart',
    ]);
  });

  it('compares answers token for token', () => {
    expect(sameAnswers(measured('a', right(1, 3), 2), measured('b', right(2, 3), 2))).toBe(2);
  });
});
