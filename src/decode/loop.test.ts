/** The loop: prompts in chunks, runs that share forwards and leave them, counters, failures. */

import { describe, expect, it } from 'vitest';
import type { ForwardOptions, ScoreLane } from '../models/forward.ts';
import { beamSearch } from './baseline/beam.ts';
import { greedy } from './baseline/greedy.ts';
import { sample } from './baseline/sample.ts';
import { type GenerateOptions, generate, type Prompt, requests } from './generate.ts';
import { type Decoder, decode, RunningSet, type Scorer } from './loop.ts';
import { type Method, type MethodOptions, parseMethodOptions } from './method.ts';
import { emptyDraft, type Phases, proposeDraft } from './phases.ts';
import { argmax } from './sampling/select.ts';
import { promptLookup } from './speculative/prompt-lookup.ts';
import type { Step } from './step.ts';
import { cachedContextModel } from './testing/cached-context.ts';
import { type DecodeTokensOptions, decodeTokens, newRun } from './testing/decode-tokens.ts';
import { markovModel } from './testing/markov.ts';
import { loadStories, prompts } from './testing/models.ts';

const vocabulary = 8;
const logitsOf = markovModel(1, vocabulary);

/** A scorer that notes the rows of each lane, forward by forward. */
function noting(model: Scorer, onForward: (forward: number) => void = () => {}) {
  const rows: number[][] = [];
  const forwardLanes = (lanes: readonly ScoreLane[], options?: ForwardOptions) => {
    onForward(rows.length);
    rows.push(lanes.map(({ groups }) => groups.reduce((sum, { tokens }) => sum + tokens.length, 0)));
    return model.forwardLanes(lanes, options);
  };
  return { rows, forwardLanes };
}

describe('decode', () => {
  it('reads a long prompt in chunks and counts what it read and wrote', async () => {
    const prompt = Array.from({ length: 1100 }, (_, i) => (i * i) % vocabulary);
    const { run, steps } = await decodeTokens(greedy, logitsOf, {
      prompt,
      maxTokens: 3,
      contextLength: 2000,
    });
    expect(steps.map(({ kind, rows, slots }) => ({ kind, rows, slots }))).toEqual([
      { kind: 'prefill', rows: 512, slots: 512 },
      { kind: 'prefill', rows: 512, slots: 1024 },
      { kind: 'decode', rows: 76, slots: 1100 },
      { kind: 'decode', rows: 1, slots: 1101 },
      { kind: 'decode', rows: 1, slots: 1102 },
    ]);
    expect(run.statistics).toMatchObject({
      forwards: 5,
      rows: 1102,
      committed: 3,
      kvRead: 512 + 1024 + 1100 + 1101,
      kvWritten: 1102,
    });
    const whole = await decodeTokens(greedy, logitsOf, { prompt: prompt.slice(-2), maxTokens: 3 });
    expect(run.generated).toEqual(whole.run.generated);
  });

  it('runs no model in a step without rows, and reads its tokens in the next', async () => {
    const model = cachedContextModel(logitsOf);
    const scorer = noting(model);
    const run = newRun(model.batch.open(), { prompt: [1, 2], maxTokens: 5 });
    const phases: Partial<Phases> = {
      readsPrompt: true,
      propose: () => (run.generated.length % 2 === 0 ? { groups: [], draft: emptyDraft } : proposeDraft(run)),
      choose: (_run, { groups }, scores) => {
        if (groups.length > 0) run.commit(scores[0], 0);
        else run.push({ token: 3, logprob: -1 });
        return { accepted: [] };
      },
    };
    const steps: Step[] = [];
    for await (const step of decode(scorer, model.batch, [{ run, phases }])) steps.push(step);
    expect(steps.map(({ forwards, rows }) => [forwards, rows])).toEqual([
      [0, 0],
      [1, 3],
      [0, 0],
      [1, 2],
      [0, 0],
    ]);
    expect(scorer.rows).toEqual([[3], [2]]);
    expect(run.generated[1]).toBe(argmax(logitsOf([1, 2, 3])));
    expect(run.statistics).toMatchObject({ forwards: 2, rows: 5, committed: 5 });
  });

  it.each([
    { what: 'ends', stop: () => false, fails: false },
    { what: 'is left', stop: () => true, fails: false },
    { what: 'could not begin', stop: () => false, fails: true },
  ])('closes what a method opened when the run $what', async ({ stop, fails }) => {
    const model = cachedContextModel(logitsOf);
    const run = newRun(model.batch.open(), { prompt: [1], maxTokens: 3 });
    let open = 0;
    const phases: Partial<Phases> = {
      prepare: async () => {
        open++;
        if (fails) throw new Error('no such file');
      },
      conclude: async () => {
        open--;
      },
    };
    const all = async () => {
      for await (const _ of decode(model, model.batch, [{ run, phases }])) if (stop()) break;
    };
    await (fails ? expect(all()).rejects.toThrow('no such file') : all());
    expect(open).toBe(0);
  });

  it('runs different methods side by side, each as it runs alone', async () => {
    const work: [Method<MethodOptions>, DecodeTokensOptions][] = [
      [greedy as Method, { prompt: [1, 2, 3], maxTokens: 30 }],
      [sample as Method, { prompt: [4], maxTokens: 11, sampling: { temperature: 1, seed: 3 } }],
      [beamSearch as unknown as Method, { prompt: [1, 2, 3, 4, 5], maxTokens: 17 }],
      [promptLookup as unknown as Method, { prompt: [2, 3, 2, 3, 2], maxTokens: 40 }],
      [greedy as Method, { prompt: [6, 7], maxTokens: 0 }],
    ];
    const model = cachedContextModel(logitsOf);
    const decoders: Decoder[] = work.map(([method, options], request) => {
      const run = newRun(model.batch.open(), { ...options, request });
      return { run, phases: method.phases(parseMethodOptions(method, options.methodOptions), run) };
    });
    const scorer = noting(model);
    const finished: number[] = [];
    for await (const { request, finish, slots } of decode(scorer, model.batch, decoders)) {
      if (finish) finished.push(request);
      // The last run has the batch to itself.
      if (finished.length === work.length) expect(slots).toBeLessThan(50);
    }
    for (const [request, [method, options]] of work.entries()) {
      const alone = await decodeTokens(method, logitsOf, options);
      expect(decoders[request].run.generated).toEqual(alone.run.generated);
    }
    expect(finished.toSorted()).toEqual([0, 1, 2, 3, 4]);
    expect(model.batch.used).toBe(0);
    // The prompts of more than a token (one with a draft of two), then all together, then ever fewer.
    expect(scorer.rows[0]).toEqual([3, 5, 7]);
    const shared = scorer.rows.slice(1).map((forward) => forward.length);
    expect(shared[0]).toBe(4);
    expect(shared).toEqual(shared.toSorted((a, b) => b - a));
    expect(shared.at(-1)).toBe(1);
  });

  it('frees every lane when a forward fails', async () => {
    const model = cachedContextModel(logitsOf);
    const decoders = [2, 3].map((length, request) => ({
      run: newRun(model.batch.open(), { prompt: [1, 2, 3].slice(0, length), maxTokens: 9, request }),
      phases: {},
    }));
    const failure = new Error('device lost');
    const scorer = noting(model, (forward) => {
      if (forward === 4) throw failure;
    });
    const steps = decode(scorer, model.batch, decoders);
    await expect(
      (async () => {
        for await (const { slots } of steps) expect(slots).toBeGreaterThan(0);
      })(),
    ).rejects.toBe(failure);
    expect(model.batch.used).toBe(0);
  });

  it('copies logits out only when somebody reads them', async () => {
    const model = cachedContextModel(logitsOf);
    const wanted: (boolean | undefined)[] = [];
    const scorer: Scorer = {
      forwardLanes: (lanes, options) => {
        wanted.push(options?.logits);
        return model.forwardLanes(lanes);
      },
    };
    for (const sampling of [{}, { logprobs: 1 }, { temperature: 1 }]) {
      const run = newRun(model.batch.open(), { prompt: [1], maxTokens: 1, sampling });
      for await (const _ of decode(scorer, model.batch, [{ run, phases: {} }]));
    }
    expect(wanted).toEqual([false, true, true]);
  });

  it('lets runs that share a lane join while others decode, within the budget, each as it runs alone', async () => {
    await using model = await loadStories('w8a8');
    const work: [Prompt, GenerateOptions][] = [
      [prompts[0], { maxTokens: 24 }],
      [prompts[1], { maxTokens: 9, temperature: 1, seed: 5 }],
      [prompts[2], { maxTokens: 17, method: 'prompt-lookup' }],
      [prompts[1], { maxTokens: 0 }],
      [prompts[0], { maxTokens: 12, method: 'beam-search' }],
      [`${prompts[1]} ${prompts[2]}`, { maxTokens: 5 }],
    ];
    const cache = model.newCache();
    const lanes = {
      get used() {
        return cache.slots.used;
      },
      close: () => void cache.compactIfSparse(),
    };
    const scorer = noting(model);
    const set = new RunningSet(scorer, lanes, { budget: 16 });
    const open = work.map(([prompt, options], i) => requests(model, options)(prompt, i, cache));
    const record = (step: Step) => open[step.request].record(step);
    let mixed = 0;
    for (let turn = 0; turn < open.length || set.size > 0; turn++) {
      if (turn < open.length) set.add(open[turn]).forEach(record);
      const steps: Step[] = [];
      for await (const step of set.step()) steps.push(step);
      steps.forEach(record);
      const read = steps.filter(({ kind }) => kind === 'prefill');
      const chunk = read.reduce((sum, { rows }) => sum + rows, 0);
      if (read.length > 0) expect(chunk + steps.length - read.length).toBeLessThanOrEqual(16);
      if (read.length > 0 && read.length < steps.length) mixed++;
    }
    expect(mixed).toBeGreaterThan(3);
    expect(scorer.rows.every((lanes) => lanes.length === 1)).toBe(true);
    expect(cache.slots.used).toBe(0);
    for (const [i, [prompt, options]] of work.entries()) {
      const alone = await generate(model, prompt, options).result;
      const { text, tokens, finish } = open[i].result();
      expect({ text, tokens, finish }).toEqual({
        text: alone.text,
        tokens: alone.tokens,
        finish: alone.finish,
      });
    }
  });
});
