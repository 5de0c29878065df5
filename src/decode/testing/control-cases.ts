/** Conformance: leaving early, aborting, and runs that do not disturb each other. */

import { expect, vi } from 'vitest';
import { type GenerateOptions, generate, generateBatch } from '../generate.ts';
import { type ConformanceCase, caches, type Subject } from './conformance.ts';
import { prompts } from './models.ts';

const long: GenerateOptions = { maxTokens: 400, ignoreEos: true };

/** Runs `use`, then checks that it left no K/V slot in use and the model able to answer as before. */
async function leavesNoTrace(subject: Subject, use: () => Promise<void>): Promise<void> {
  const { model, options } = subject;
  const before = await generate(model, prompts[0], { ...options, maxTokens: 12 }).result;
  const batches = vi.spyOn(model, 'newBatch');
  await use();
  expect(batches.mock.results.length).toBeGreaterThan(0);
  for (const { value: batch } of batches.mock.results) expect(batch.used).toBe(0);
  batches.mockRestore();
  const after = await generate(model, prompts[0], { ...options, maxTokens: 12 }).result;
  expect(after.tokens).toEqual(before.tokens);
}

export const controlCases: readonly ConformanceCase[] = [
  {
    name: 'frees its slots when the iterator is left',
    run: (subject) =>
      leavesNoTrace(subject, async () => {
        for (const stopAfter of [1, 2, 5]) {
          let seen = 0;
          for await (const step of generate(subject.model, prompts[1], { ...subject.options, ...long })) {
            if (caches(subject)) expect(step.slots).toBeGreaterThan(0);
            if (++seen === stopAfter) break;
          }
          expect(seen).toBe(stopAfter);
        }
      }),
  },
  {
    name: 'frees the slots of a batch that is left',
    run: (subject) =>
      leavesNoTrace(subject, async () => {
        for await (const step of generateBatch(subject.model, prompts, { ...subject.options, ...long })) {
          if (step.step === 2) break;
        }
      }),
  },
  {
    name: 'frees its slots at the end',
    run: (subject) =>
      leavesNoTrace(subject, async () => {
        await generateBatch(subject.model, prompts, { ...subject.options, maxTokens: 10 }).result;
      }),
  },
  {
    name: 'frees its slots when a processor throws',
    run: (subject) =>
      leavesNoTrace(subject, async () => {
        const error = new Error('from a processor');
        const processor = (_: Float32Array, { generatedTokens }: { generatedTokens: ArrayLike<number> }) => {
          if (generatedTokens.length === 3) throw error;
        };
        const options = { ...subject.options, ...long, processors: [processor] };
        await expect(generate(subject.model, prompts[0], options).result).rejects.toBe(error);
      }),
  },
  {
    name: 'runs nothing when aborted before',
    run: (subject) =>
      leavesNoTrace(subject, async () => {
        const reason = new Error('not now');
        const signal = AbortSignal.abort(reason);
        const forward = vi.spyOn(subject.model, 'forwardLanes');
        await expect(generate(subject.model, prompts[0], { ...subject.options, signal }).result).rejects.toBe(
          reason,
        );
        expect(forward).not.toHaveBeenCalled();
        forward.mockRestore();
      }),
  },
  {
    name: 'stops with the reason when aborted in between',
    run: (subject) =>
      leavesNoTrace(subject, async () => {
        const controller = new AbortController();
        const reason = new Error('enough');
        const steps = generate(subject.model, prompts[1], {
          ...subject.options,
          ...long,
          signal: controller.signal,
        })[Symbol.asyncIterator]();
        await steps.next();
        const next = steps.next();
        controller.abort(reason);
        // A forward under way may still give its step.
        await expect(next.then(() => steps.next())).rejects.toBe(reason);
        expect((await steps.next()).done).toBe(true);
      }),
  },
  {
    name: 'stops at a time limit',
    run: (subject) =>
      leavesNoTrace(subject, async () => {
        const signal = AbortSignal.timeout(1);
        const options = { ...subject.options, ...long, signal };
        await expect(generate(subject.model, prompts[0], options).result).rejects.toMatchObject({
          name: 'TimeoutError',
        });
      }),
  },
  {
    name: 'keeps no state from one run to another',
    run: async ({ model, options }) => {
      const alone: string[] = [];
      for (const prompt of prompts)
        alone.push((await generate(model, prompt, { ...options, maxTokens: 24 }).result).text);
      // Runs of the one method object, step by step in turn.
      const runs = prompts.map((prompt) => {
        const generation = generate(model, prompt, { ...options, maxTokens: 24 });
        return { generation, steps: generation[Symbol.asyncIterator]() };
      });
      for (let open = runs; open.length > 0; ) {
        const next: typeof runs = [];
        for (const run of open) if (!(await run.steps.next()).done) next.push(run);
        open = next;
      }
      const texts: string[] = [];
      for (const { generation } of runs) texts.push((await generation.result).text);
      expect(texts).toEqual(alone);
    },
  },
];
